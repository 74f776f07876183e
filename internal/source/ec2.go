package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/identity"
)

const (
	endpointVariable = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	disabledVariable = "AWS_EC2_METADATA_DISABLED"
)

// How long to wait after a try that failed, doubled from the first to the last. They are without jitter: each instance
// has a metadata service of its own, next to it.
const (
	firstQuick, lastQuick = 50 * time.Millisecond, 250 * time.Millisecond // nothing to connect to yet
	firstSlow, lastSlow   = 100 * time.Millisecond, time.Second           // something is there and gives no answer
)

// firstLimit is how long a try may take, doubled each time that it wasn't enough, so that neither a lost packet costs
// the whole time nor a slow service is given up each time just before it answers.
const firstLimit = 2 * time.Second

// ec2 is EC2's metadata service, version 2.
type ec2 struct {
	wire   *wire
	client *imds.Client
	off    bool // switched off by the environment
	log    func(string)
	wait   func(context.Context, time.Duration)
	facts  map[string]string // those known already
}

func newEC2(o Options) (*ec2, error) {
	endpoints := []string{"169.254.169.254", "[fd00:ec2::254]"}
	if v := o.Getenv(endpointVariable); v != "" {
		u, err := url.Parse(v)
		if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return nil, fmt.Errorf("cannot use %s: it must be http://HOST or http://HOST:PORT", endpointVariable)
		}
		endpoints = []string{u.Host}
	}
	s := ec2At(endpoints, o.Log)
	s.off = strings.EqualFold(o.Getenv(disabledVariable), "true")
	return s, nil
}

func ec2At(endpoints []string, log func(string)) *ec2 {
	w := &wire{endpoints: endpoints}
	return &ec2{wire: w, log: log, wait: wait, facts: map[string]string{}, client: imds.New(imds.Options{
		Endpoint:                 "http://169.254.169.254", // wire puts that in to which it is connected
		HTTPClient:               w,
		Retryer:                  aws.NopRetryer{}, // try does that
		ClientEnableState:        imds.ClientEnabled,
		EnableFallback:           aws.FalseTernary,
		DisableDefaultTimeout:    true,
		DisableDefaultMaxBackoff: true,
	})}
}

func (s *ec2) Name() string { return "ec2" }

// UserData takes two requests, for a token and for the user data.
func (s *ec2) UserData(ctx context.Context) ([]byte, error) {
	var body []byte
	err := s.try(ctx, "user data", func(ctx context.Context) error {
		out, err := s.client.GetUserData(ctx, nil)
		if err != nil {
			return err
		}
		body, err = io.ReadAll(out.Content)
		return err
	})
	if errors.Is(err, errNotFound) {
		return nil, fmt.Errorf("%w: %s answers with 404", ErrNoUserData, s.where())
	}
	return body, err
}

// InstanceID takes a request, unless Facts had it.
func (s *ec2) InstanceID(ctx context.Context) (string, error) {
	facts, err := s.Facts(ctx, []string{"id"})
	return facts["id"], err
}

// Facts takes a request for each of names at most, and none for what was had before.
func (s *ec2) Facts(ctx context.Context, names []string) (map[string]string, error) {
	shared := 0
	for _, name := range names {
		if _, inDocument := factPath(name); inDocument && s.facts[name] == "" {
			shared++
		}
	}
	// One request for the lot of them. The account is nowhere else.
	if shared > 1 || slices.Contains(names, "account") && s.facts["account"] == "" {
		if err := s.document(ctx); err != nil {
			return nil, err
		}
	}
	facts := map[string]string{}
	var missing []error
	for _, name := range names {
		if path, _ := factPath(name); s.facts[name] == "" && path != "" {
			if err := s.fact(ctx, name, path); err != nil && !errors.Is(err, errNotFound) {
				return nil, err
			}
		}
		if facts[name] = s.facts[name]; facts[name] == "" {
			missing = append(missing, &FactError{name, s.Name(), "the instance has none"})
		}
	}
	if len(missing) > 0 {
		return nil, errors.Join(missing...)
	}
	return facts, nil
}

// factPath is where the fact of that name is below meta-data, and whether the instance identity document has it too.
func factPath(name string) (path string, inDocument bool) {
	switch name {
	case "id":
		return "instance-id", true
	case "region":
		return "placement/region", true
	case "zone":
		return "placement/availability-zone", true
	case "type":
		return "instance-type", true
	case "account":
		return "", true
	case "image":
		return "ami-id", true
	case "local_ipv4":
		return "local-ipv4", true
	case "local_ipv6":
		return "ipv6", false
	case "hostname":
		return "hostname", false
	}
	return "", false
}

// fact fetches one fact.
func (s *ec2) fact(ctx context.Context, name, path string) error {
	return s.try(ctx, "instance."+name, func(ctx context.Context) error {
		out, err := s.client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
		if err != nil {
			return err
		}
		body, err := io.ReadAll(out.Content)
		if err != nil {
			return err
		}
		value := strings.TrimSpace(string(body))
		if !isFact(name, value) {
			return errNoFact
		}
		s.facts[name] = value
		return nil
	})
}

// document fetches the instance identity document and the facts in it.
func (s *ec2) document(ctx context.Context) error {
	err := s.try(ctx, "the instance identity document", func(ctx context.Context) error {
		// not GetInstanceIdentityDocument, which takes encoding/json
		out, err := s.client.GetDynamicData(ctx, &imds.GetDynamicDataInput{Path: "instance-identity/document"})
		if err != nil {
			return err
		}
		body, err := io.ReadAll(out.Content)
		if err != nil {
			return err
		}
		r := document.ReadRecord(body)
		if id := r.String("instanceId"); r.Wrong || !isFact("id", id) {
			return errNoFact
		}
		for _, f := range [...]struct{ name, key string }{
			{"id", "instanceId"}, {"region", "region"}, {"zone", "availabilityZone"}, {"type", "instanceType"},
			{"account", "accountId"}, {"image", "imageId"}, {"local_ipv4", "privateIp"},
		} {
			if value := r.String(f.key); isFact(f.name, value) {
				s.facts[f.name] = value
			}
		}
		return nil
	})
	if errors.Is(err, errNotFound) { // then it has none of them
		return nil
	}
	return err
}

// isFact tells whether value can be the fact of that name, and not a page from something else that answered.
func isFact(name, value string) bool {
	switch name {
	case "id":
		return identity.IsInstanceID(value)
	case "local_ipv4", "local_ipv6":
		ip, err := netip.ParseAddr(value)
		return err == nil && ip.Is4() == (name == "local_ipv4") && ip.Zone() == ""
	}
	for _, c := range []byte(value) {
		if c <= ' ' || c > '~' || c == '<' {
			return false
		}
	}
	return value != "" && len(value) <= 255
}

// Errors of one try.
var (
	errNotFound = errors.New("answered with 404") // an answer: there is none
	errNoFact   = errors.New("no fact")
)

// try makes requests until there is an answer or ctx ends.
func (s *ec2) try(ctx context.Context, what string, request func(context.Context) error) error {
	if s.off {
		return &UnavailableError{What: what, Where: "the metadata service", Cause: fmt.Errorf("%s is set to true", disabledVariable)}
	}
	begin := time.Now()
	limit := firstLimit
	deadline, ends := ctx.Deadline()
	if ends {
		limit = min(limit, time.Until(deadline)/8)
	}
	failed := UnavailableError{What: what, Where: "the metadata service", Cause: errTimeout}
	var pause time.Duration
	for ctx.Err() == nil {
		s.wire.last = exchange{}
		cut := ends && time.Until(deadline) < limit
		tryCtx, cancel := context.WithTimeout(ctx, limit)
		err := request(tryCtx)
		cancel()
		last := s.wire.last
		switch {
		case err == nil:
			return nil
		case last.status == http.StatusNotFound && last.path != tokenPath:
			return errNotFound
		case errors.Is(last.err, errTooLong) && last.path == userDataPath:
			return &InvalidError{Where: s.where(), Reason: last.err.Error()}
		}
		failed.Tries++
		timedOut := last.err == errTimeout || last.err == errNoConn
		unsent := last.method == "" // the time was over before the request went out
		// What the deadline cuts short says less than what went before it.
		if failed.Tries == 1 || !unsent && !(timedOut && cut) {
			before := failed.Cause
			failed.Where, failed.Cause, failed.Hint = s.where(), last.cause(), last.hint()
			if failed.Tries == 1 || before.Error() != failed.Cause.Error() {
				s.log(fmt.Sprintf("no %s yet: %s: %v", what, failed.Where, failed.Cause))
			}
		}
		if last.err == errTimeout {
			limit *= 2
		}
		from, to := firstSlow, lastSlow
		if last.endpoint == "" {
			from, to = firstQuick, lastQuick
		}
		pause = min(max(2*pause, from), to)
		s.wait(ctx, pause)
	}
	failed.Elapsed = time.Since(begin)
	return &failed
}

// The client's own names for these are not exported.
const (
	tokenPath    = "/latest/api/token"
	userDataPath = "/latest/user-data"
)

// where is the last request.
func (s *ec2) where() string {
	last, endpoints := s.wire.last, s.wire.endpoints
	if last.endpoint != "" {
		endpoints = []string{last.endpoint}
	}
	var urls []string
	for _, e := range endpoints {
		urls = append(urls, "http://"+e+last.path)
	}
	return last.method + " " + strings.Join(urls, " or ")
}

// cause is why there was no answer.
func (e exchange) cause() error {
	switch {
	case e.method == "":
		return errTimeout
	case e.status >= 300 && e.status < 400:
		return fmt.Errorf("answered with %d, a redirect, which is not followed", e.status)
	case e.err != nil:
		return e.err
	case e.status == http.StatusOK && e.path == tokenPath:
		return errors.New("answered, but not with a token")
	case e.status == http.StatusOK:
		return errors.New("answered, but not with what was asked for")
	}
	return errors.New(strings.TrimSpace(fmt.Sprintf("answered with %d %s", e.status, http.StatusText(e.status))))
}

// hint is what the last answer, or its absence, is known to come from.
func (e exchange) hint() string {
	switch {
	case e.status == http.StatusForbidden:
		return "403 is what it answers when it is switched off: see HttpEndpoint in the instance's metadata options"
	case e.path == tokenPath && e.endpoint != "" && e.status == 0 && e.err == errTimeout:
		return "it connects, but the token doesn't arrive: if this is a container or a routed network, raise HttpPutResponseHopLimit in the instance's metadata options"
	}
	return ""
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
