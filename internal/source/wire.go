package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"
)

const (
	maxHeader = 64 << 10 // of one answer; EC2's are of some 300 bytes

	// dialTimeout is for connecting to one of two endpoints. On a link that is just coming up packets get lost, and a
	// new connection is there sooner than the kernel repeats itself for the second time.
	dialTimeout = time.Second

	// headStart is what the endpoint that is tried first has on the other. One that works answers in less, so that a
	// boot with both uses the same every time and opens no second connection.
	headStart = 20 * time.Millisecond
)

// What an answer can have that makes it none, beside its status.
var (
	errHeader    = fmt.Errorf("its headers are longer than %d bytes", maxHeader)
	errNoLength  = errors.New("it doesn't say how long it is, so that a part could be taken for the whole")
	errStatus    = errors.New("its status is neither 200 nor an error")
	errTruncated = errors.New("the connection was closed before the answer was complete")
	errTimeout   = errors.New("no answer came in time")
	errNoConn    = errors.New("no connection came about in time")
	errNotHTTP   = errors.New("the answer is not HTTP")
)

// wire carries the requests of the SDK's client. It takes the place of an http.Client because of what that would do:
// follow redirects, use a proxy, repeat requests by itself, and log bytes that the service sends unasked, which would
// be user data.
//
// The requests go to whichever of the endpoints connects first, all over one connection as far as it holds.
type wire struct {
	endpoints []string // as in a URL: host, or host:port
	first     int      // the endpoint that is tried first
	open      *conn    // an idle connection, or nil
	last      exchange // the last request
}

// exchange is a request and what became of it.
type exchange struct {
	method, path string
	endpoint     string // where it went; "" if no connection came about
	status       int    // 0: no answer
	err          error  // why it is no answer; never holds any of it
}

// Do sends one request and reads the whole of the answer. It does not look into those that are not 200.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	w.last = exchange{method: req.Method, path: req.URL.Path}
	resp, err := w.do(req)
	if err != nil && w.last.err == nil {
		w.last.err = cause(err, w.last.endpoint != "")
	}
	return resp, err
}

func (w *wire) do(req *http.Request) (*http.Response, error) {
	if c := w.open; c != nil {
		w.open = nil
		resp, err := w.send(c, req)
		if err == nil || c.answered || req.Context().Err() != nil {
			return resp, err
		}
		// The service had closed the idle connection: that says nothing of this request.
		w.last.endpoint = ""
	}
	c, err := w.connect(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := w.send(c, req)
	if err != nil && w.last.status == 0 {
		// It connects and then gives no answer: the other endpoint may.
		w.first = (w.first + 1) % len(w.endpoints)
	}
	return resp, err
}

// send carries one request over c, and keeps c for the next one if it is fit for that.
func (w *wire) send(c *conn, req *http.Request) (resp *http.Response, err error) {
	w.last.endpoint = c.endpoint
	stop := context.AfterFunc(req.Context(), func() { c.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() || err != nil || resp.StatusCode != http.StatusOK || resp.Close || c.in.Buffered() > 0 {
			c.Close()
			return
		}
		w.open = c
	}()

	url := *req.URL
	url.Host = c.endpoint
	req = req.WithContext(req.Context()) // a copy: the client keeps the original
	req.URL, req.Host = &url, ""
	c.left, c.answered = maxHeader, false
	if err := req.Write(c); err != nil {
		return nil, err
	}
	for range 5 { // 100 Continue and the like come before the answer
		resp, err = http.ReadResponse(c.in, req)
		if errors.Is(err, errTooLong) {
			err = errHeader
		}
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 {
			break
		}
	}
	w.last.status = resp.StatusCode
	if resp.StatusCode < 300 && resp.StatusCode != http.StatusOK {
		return nil, errStatus // the client would take it for an answer
	}
	var body []byte
	if resp.StatusCode == http.StatusOK {
		if body, err = w.body(c, resp); err != nil {
			return nil, err
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (w *wire) body(c *conn, resp *http.Response) ([]byte, error) {
	if resp.ContentLength < 0 && !slices.Contains(resp.TransferEncoding, "chunked") {
		return nil, errNoLength
	}
	if resp.ContentLength > MaxBody {
		return nil, errTooLong
	}
	c.left = 2*MaxBody + maxHeader // chunks have a head each
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if len(body) > MaxBody {
		return nil, errTooLong
	}
	return body, err
}

// conn is a connection to an endpoint that reads no more than left.
type conn struct {
	net.Conn
	endpoint string
	in       *bufio.Reader
	left     int
	answered bool // something was read since it was set to false
}

func (c *conn) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, errTooLong
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	c.answered = c.answered || n > 0
	return n, err
}

// connect races the endpoints and gives the connection that stands first.
func (w *wire) connect(ctx context.Context) (*conn, error) {
	type result struct {
		net.Conn
		endpoint string
		err      error
	}
	n := len(w.endpoints)
	if n > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialTimeout)
		defer cancel() // also ends the dialling that lost
	}
	results := make(chan result, n)
	errs := map[string]error{}
	started := 0
	start := func() {
		endpoint := w.endpoints[(w.first+started)%n]
		started++
		go func() {
			d := net.Dialer{KeepAlive: -1} // the connection lives for milliseconds
			c, err := d.DialContext(ctx, "tcp", address(endpoint))
			results <- result{c, endpoint, err}
		}()
	}
	start()
	late := time.NewTimer(headStart)
	defer late.Stop()
	for {
		select {
		case <-late.C:
			if started < n {
				start()
			}
		case r := <-results:
			if r.err == nil {
				go func(open int) { // those that lost
					for range open {
						if r := <-results; r.err == nil {
							r.Close()
						}
					}
				}(started - len(errs) - 1)
				c := &conn{Conn: r.Conn, endpoint: r.endpoint}
				c.in = bufio.NewReader(c)
				return c, nil
			}
			if errs[r.endpoint] = cause(r.err, false); len(errs) == n {
				w.last.err = w.together(errs)
				return nil, w.last.err
			}
			if started < n {
				start()
			}
		}
	}
}

// together is why none of the endpoints connects, in their order, and once if it is the same for all.
func (w *wire) together(errs map[string]error) error {
	err := errs[w.endpoints[0]]
	for _, endpoint := range w.endpoints[1:] {
		if other := errs[endpoint]; other.Error() != err.Error() {
			err = fmt.Errorf("%w (%s: %w)", err, endpoint, other)
		}
	}
	return err
}

// address is the endpoint with its port.
func address(endpoint string) string {
	if _, _, err := net.SplitHostPort(endpoint); err == nil {
		return endpoint
	}
	return endpoint + ":80"
}

// cause is err without what the answer, or the machinery on the way to it, would add to it.
func cause(err error, connected bool) error {
	var (
		errno   syscall.Errno
		dns     *net.DNSError
		timeout net.Error
	)
	switch {
	case err == errTooLong, err == errHeader, err == errNoLength, err == errStatus:
		return err
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		if connected {
			return errTimeout
		}
		return errNoConn
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns):
		return errors.New(dns.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errTruncated
	}
	return errNotHTTP
}
