// Command serve is the metadata service of package imds on addresses of its own, for systems that boot. It logs one
// line a request to stdout and runs until it is killed.
package main

import (
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/bootconf/bootconf/test/imds"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("imds: ")
	service := &imds.Server{Log: os.Stdout}
	service.Flags(flag.CommandLine)
	var addresses []string
	flag.Func("listen", "listen on `address`; may be given again", func(s string) error {
		addresses = append(addresses, s)
		return nil
	})
	userData := flag.String("user-data", "", "serve this `file` as user data; without it there is none")
	late := flag.Duration("late", 0, "listen only after this time")
	flag.Parse()

	if *userData != "" {
		var err error
		if service.UserData, err = os.ReadFile(*userData); err != nil {
			log.Fatal(err)
		}
	}
	time.Sleep(*late)
	failed := make(chan error)
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		go func() { failed <- http.Serve(listener, service) }()
	}
	log.Fatal(<-failed)
}
