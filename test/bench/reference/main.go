// Command reference is the least Go program that makes the requests and the writes of a first run: a token, the user
// data, and each of the given files (PATH:SIZE below the current directory) staged, synced and renamed.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	endpoint := os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")
	token := ask(http.MethodPut, endpoint+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "300")
	ask(http.MethodGet, endpoint+"/latest/user-data", "X-aws-ec2-metadata-token", string(token))

	directories := map[string]bool{}
	for _, arg := range os.Args[1:] {
		path, size, _ := strings.Cut(arg, ":")
		n, err := strconv.Atoi(size)
		check(err)
		directory := filepath.Dir(path)
		check(os.MkdirAll(directory, 0o755))
		directories[directory] = true
		file, err := os.OpenFile(path+"~", os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
		check(err)
		_, err = file.Write(make([]byte, n))
		check(err)
		check(file.Sync())
		check(file.Close())
	}
	for _, arg := range os.Args[1:] {
		path, _, _ := strings.Cut(arg, ":")
		check(os.Rename(path+"~", path))
	}
	for directory := range directories {
		file, err := os.Open(directory)
		check(err)
		check(file.Sync())
		check(file.Close())
	}
}

func ask(method, url, header, value string) []byte {
	request, err := http.NewRequest(method, url, nil)
	check(err)
	request.Header.Set(header, value)
	response, err := http.DefaultClient.Do(request)
	check(err)
	body, err := io.ReadAll(response.Body)
	check(err)
	return body
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
