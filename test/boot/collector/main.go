// Command collector takes in syslog messages over TCP and TLS and prints them, a line each, until it is killed. It is
// the other end of a log shipper under test.
package main

import (
	"bufio"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"strings"
	"sync"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("collector: ")
	var plain, secure []string
	flag.Func("tcp", "listen on `address`; may be given again", func(s string) error {
		plain = append(plain, s)
		return nil
	})
	flag.Func("tls", "listen on `address` with TLS; may be given again", func(s string) error {
		secure = append(secure, s)
		return nil
	})
	certificate := flag.String("certificate", "", "certificate and key in one PEM `file`")
	flag.Parse()

	pair, err := tls.LoadX509KeyPair(*certificate, *certificate)
	if err != nil {
		log.Fatal(err)
	}
	var out printer
	failed := make(chan error)
	listen := func(transport, address string) {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		if transport == "tls" {
			listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
		}
		go func() { failed <- serve(listener, transport, &out) }()
	}
	for _, address := range plain {
		listen("tcp", address)
	}
	for _, address := range secure {
		listen("tls", address)
	}
	log.Fatal(<-failed)
}

// printer prints whole lines, whoever calls.
type printer struct{ mu sync.Mutex }

func (p *printer) print(transport, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Println(transport, line)
}

// serve prints what comes over each connection.
func serve(listener net.Listener, transport string, out *printer) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			in := bufio.NewReader(conn)
			for {
				message, err := read(in)
				if err == io.EOF {
					return
				}
				if err != nil {
					out.print(transport, "error: "+err.Error())
					return
				}
				out.print(transport, message)
			}
		}()
	}
}

// read is the next message, framed in one of the two ways of RFC 6587: by its length in front, or by a newline.
func read(in *bufio.Reader) (string, error) {
	first, err := in.Peek(1)
	if err != nil {
		return "", err
	}
	if first[0] == '<' {
		line, err := in.ReadString('\n')
		return strings.TrimSuffix(line, "\n"), err
	}
	length, err := in.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(length, " "), 10, 16)
	if err != nil {
		return "", fmt.Errorf("no syslog message: %w", err)
	}
	message := make([]byte, n)
	_, err = io.ReadFull(in, message)
	return string(message), err
}
