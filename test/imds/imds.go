// Package imds is EC2's instance metadata service as the tests need it: version 2 only, on any listener, with the
// faults that a boot meets. Requests come in over HTTP, answers and a record of the requests go out; it never
// answers without a token, so that a client which falls back to version 1 is found out.
package imds

import (
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tokenHeader = "X-aws-ec2-metadata-token"
	ttlHeader   = "X-aws-ec2-metadata-token-ttl-seconds"
)

// Server answers as the metadata service of one instance. The zero Server has no user data and no faults.
type Server struct {
	UserData   []byte // nil: there is none, 404
	InstanceID string // default DefaultInstanceID
	Faults     Faults
	Log        io.Writer // one line a request, if set

	mu       sync.Mutex
	tokens   map[string]time.Time // until when each is good
	requests []string
	failed   int
}

// DefaultInstanceID is the id of an instance that was given none.
const DefaultInstanceID = "i-0123456789abcdef0"

// Faults is what is wrong with the service.
type Faults struct {
	Fail      int           // answer this status
	FailFirst int           // only that many times; 0: always
	FailPath  string        // only to requests whose path begins so
	HTML      bool          // a page and 200 for everything, as a captive portal gives
	Redirect  string        // where the request for user data is sent
	Truncate  int           // cut the connection after that many bytes of user data; 0: do not
	Delay     time.Duration // wait before each answer
	Hang      bool          // accept, and never answer
}

// Flags declares a flag for the id and for each fault, so that a case can state them as a command line.
func (s *Server) Flags(fs *flag.FlagSet) {
	fs.StringVar(&s.InstanceID, "instance-id", DefaultInstanceID, "the instance's id")
	fs.IntVar(&s.Faults.Fail, "fail", 0, "answer with this `status`")
	fs.IntVar(&s.Faults.FailFirst, "fail-first", 0, "fail only `n` times")
	fs.StringVar(&s.Faults.FailPath, "fail-path", "", "fail only requests whose path begins with `prefix`")
	fs.BoolVar(&s.Faults.HTML, "html", false, "answer everything with a page")
	fs.StringVar(&s.Faults.Redirect, "redirect", "", "send requests for user data to `url`")
	fs.IntVar(&s.Faults.Truncate, "truncate", 0, "cut the connection after `n` bytes of user data")
	fs.DurationVar(&s.Faults.Delay, "delay", 0, "wait before each answer")
	fs.BoolVar(&s.Faults.Hang, "hang", false, "never answer")
}

// Requests is what was asked so far, as "METHOD PATH STATUS". A request that got no answer has the status 0.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := s.open(w, r)
	defer rec.close()

	f := s.Faults
	if f.Hang {
		<-r.Context().Done()
		return
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case s.fails(r.URL.Path):
		rec.WriteHeader(f.Fail)
	case f.HTML:
		rec.Header().Set("Content-Type", "text/html")
		io.WriteString(rec, "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>")
	case r.URL.Path == "/latest/api/token":
		s.token(rec, r)
	case !s.valid(r.Header.Get(tokenHeader)):
		rec.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/latest/user-data":
		s.userData(rec)
	default:
		s.metadata(rec, strings.TrimPrefix(r.URL.Path, "/latest"))
	}
}

// fails says whether a request is to fail, and counts it.
func (s *Server) fails(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.Faults
	if f.Fail == 0 || !strings.HasPrefix(path, f.FailPath) || f.FailFirst > 0 && s.failed == f.FailFirst {
		return false
	}
	s.failed++
	return true
}

// token gives a token for the time that was asked for. The service refuses a request that came through a proxy.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	ttl, err := strconv.Atoi(r.Header.Get(ttlHeader))
	if err != nil || ttl < 1 || ttl > 21600 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.Method != http.MethodPut {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("X-Forwarded-For") != "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	token := rand.Text()
	s.mu.Lock()
	if s.tokens == nil {
		s.tokens = map[string]time.Time{}
	}
	s.tokens[token] = time.Now().Add(time.Duration(ttl) * time.Second)
	s.mu.Unlock()
	w.Header().Set(ttlHeader, strconv.Itoa(ttl))
	io.WriteString(w, token)
}

func (s *Server) valid(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.tokens[token]
	return ok && time.Now().Before(until)
}

func (s *Server) userData(w http.ResponseWriter) {
	f := s.Faults
	switch {
	case f.Redirect != "":
		w.Header().Set("Location", f.Redirect)
		w.WriteHeader(http.StatusFound)
	case s.UserData == nil:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(s.UserData)))
		if f.Truncate > 0 && f.Truncate < len(s.UserData) {
			w.Write(s.UserData[:f.Truncate])
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		w.Write(s.UserData)
	}
}

// metadata answers for a path below /latest.
func (s *Server) metadata(w http.ResponseWriter, path string) {
	id := s.InstanceID
	if id == "" {
		id = DefaultInstanceID
	}
	facts := map[string]string{
		"/meta-data/ami-id":                      "ami-0123456789abcdef0",
		"/meta-data/hostname":                    "ip-10-0-0-5.eu-west-1.compute.internal",
		"/meta-data/instance-id":                 id,
		"/meta-data/instance-type":               "t3.micro",
		"/meta-data/local-hostname":              "ip-10-0-0-5.eu-west-1.compute.internal",
		"/meta-data/local-ipv4":                  "10.0.0.5",
		"/meta-data/ipv6":                        "2001:db8::5",
		"/meta-data/placement/availability-zone": "eu-west-1a",
		"/meta-data/placement/region":            "eu-west-1",
		"/dynamic/instance-identity/document": fmt.Sprintf(`{"accountId": "123456789012", "architecture": "x86_64", `+
			`"availabilityZone": "eu-west-1a", "imageId": "ami-0123456789abcdef0", "instanceId": %q, `+
			`"instanceType": "t3.micro", "privateIp": "10.0.0.5", "region": "eu-west-1", "version": "2017-09-30"}`, id),
	}
	if fact, ok := facts[path]; ok {
		io.WriteString(w, fact)
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

// recorder puts the status of an answer on record before the answer leaves: whoever has read it finds it there.
type recorder struct {
	http.ResponseWriter
	server *Server
	n      int // the number of the request
	what   string
	done   bool
}

// open puts a request on record, as one without an answer.
func (s *Server) open(w http.ResponseWriter, r *http.Request) *recorder {
	s.mu.Lock()
	defer s.mu.Unlock()
	what := r.Method + " " + r.URL.Path
	s.requests = append(s.requests, what+" 0")
	return &recorder{ResponseWriter: w, server: s, n: len(s.requests) - 1, what: what}
}

// record sets the status, the first time it is called.
func (r *recorder) record(status int) {
	if r.done {
		return
	}
	r.done = true
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	line := fmt.Sprintf("%s %d", r.what, status)
	r.server.requests[r.n] = line
	if r.server.Log != nil {
		fmt.Fprintln(r.server.Log, line)
	}
}

func (r *recorder) WriteHeader(status int) {
	r.record(status)
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.record(http.StatusOK)
	return r.ResponseWriter.Write(b)
}

// close records a request that went without an answer.
func (r *recorder) close() { r.record(0) }

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
