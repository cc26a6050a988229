package pbx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// This file is CURL() and CURLOPT(). Only URLs that begin with one of pbx.curl are
// fetched; a name of theirs that resolves to an address of the host itself or of a
// private network is not, unless pbx.curl names that address; redirects lead to allowed
// URLs only; and all has limits.

// The limits of CURL().
const (
	webTime      = 5 * time.Second  // unless CURLOPT(httptimeout) says less, or up to webMost
	webMost      = 30 * time.Second //
	webBody      = 64 << 10         // bytes
	webRedirects = 3
	webHeaders   = 16
)

// webOptions are those of CURLOPT() for one channel.
type webOptions struct {
	time     time.Duration // 0 = webTime
	agent    string
	referer  string
	headers  []string
	follow   bool
	hash     string // hashcompat: yes, legacy, no
	failures []int  // failurecodes
}

// errWebForbidden refuses a URL.
var errWebForbidden = errors.New("the URL is not allowed; hometone.yaml's pbx.curl says what is")

// webAllowed reports whether a URL begins with an allowed one.
func webAllowed(allowed []string, u *url.URL) bool {
	return slices.ContainsFunc(allowed, func(prefix string) bool {
		p, err := url.Parse(prefix)
		return err == nil && u.User == nil && u.Scheme == p.Scheme && strings.EqualFold(u.Host, p.Host) &&
			strings.HasPrefix(u.EscapedPath(), p.EscapedPath()) && !strings.Contains(u.Path, "/..")
	})
}

// webInside reports whether an address is the host's own, of a private network, or of
// one that is nobody's (RFC 6890), also if it is written as IPv6 (RFC 4291 §2.5.5, RFC
// 6052 §2.1, RFC 3056 §2).
func webInside(a netip.Addr) bool {
	a = a.Unmap()
	if a.Is6() {
		b := a.As16()
		switch {
		case netip.MustParsePrefix("64:ff9b::/96").Contains(a), netip.MustParsePrefix("::/96").Contains(a):
			return webInside(netip.AddrFrom4([4]byte(b[12:])))
		case netip.MustParsePrefix("2002::/16").Contains(a):
			return webInside(netip.AddrFrom4([4]byte(b[2:6])))
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return true
	}
	for _, nobody := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b:1::/48", "100::/64", "2001::/23", "fec0::/10"} {
		if netip.MustParsePrefix(nobody).Contains(a) {
			return true
		}
	}
	return false
}

// webClient fetches what is allowed.
func webClient(allowed []string, o *webOptions) *http.Client {
	literal := map[string]bool{}
	for _, prefix := range allowed {
		if p, err := url.Parse(prefix); err == nil {
			if a, err := netip.ParseAddr(p.Hostname()); err == nil {
				literal[a.String()] = true
			}
		}
	}
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if webInside(to.Addr()) && !literal[to.Addr().Unmap().String()] {
			return fmt.Errorf("%s is an address of this host or of a private network: %w", to.Addr(), errWebForbidden)
		}
		return nil
	}}
	return &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: webBody},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			switch {
			case !o.follow:
				return http.ErrUseLastResponse
			case len(via) > webRedirects:
				return errors.New("too many redirects")
			case !webAllowed(allowed, req.URL):
				return errWebForbidden
			}
			return nil
		},
	}
}

// curl is CURL(url[,postdata]).
func (ch *channel) curl(args string) (string, error) {
	text, post, isPost := strings.Cut(args, ",")
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || !webAllowed(ch.set.CURL, u) {
		return "", fmt.Errorf("CURL: %w", errWebForbidden)
	}
	o := ch.web
	if o == nil {
		o = &webOptions{}
	}
	limit := o.time
	if limit <= 0 {
		limit = webTime
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	body := ""
	err = ch.meanwhile(func() error {
		body, err = fetch(ctx, webClient(ch.set.CURL, o), o, u.String(), post, isPost)
		return err
	})
	if err != nil {
		var wrong *url.Error
		if errors.As(err, &wrong) {
			err = wrong.Err // without the URL, which may hold a secret
		}
		return "", fmt.Errorf("CURL: %s: %w", u.Host, err)
	}
	if o.hash == "yes" || o.hash == "legacy" {
		return ch.hashed(body, o.hash)
	}
	return strings.TrimRight(body, "\r\n"), nil
}

// fetch makes the request.
func fetch(ctx context.Context, client *http.Client, o *webOptions, to, post string, isPost bool) (string, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if isPost {
		method, body = http.MethodPost, strings.NewReader(post)
	}
	req, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return "", err
	}
	if isPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	agent := o.agent
	if agent == "" {
		agent = "hometone"
	}
	req.Header.Set("User-Agent", agent)
	if o.referer != "" {
		req.Header.Set("Referer", o.referer)
	}
	for _, h := range o.headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, webBody+1))
	switch {
	case err != nil:
		return "", err
	case len(data) > webBody:
		return "", fmt.Errorf("the answer is longer than %d bytes", webBody)
	case slices.Contains(o.failures, res.StatusCode):
		return "", fmt.Errorf("status %d", res.StatusCode)
	}
	return string(data), nil
}

// hashed makes the variables of HASH() of name=value&… and returns the names
// (hashcompat).
func (ch *channel) hashed(body, how string) (string, error) {
	var names, values []string
	for pair := range strings.SplitSeq(strings.TrimSpace(body), "&") {
		name, value, _ := strings.Cut(pair, "=")
		for _, p := range []*string{&name, &value} {
			if how == "legacy" {
				*p = strings.ReplaceAll(*p, "+", " ")
			}
			if s, err := url.PathUnescape(*p); err == nil {
				*p = s
			}
		}
		names, values = append(names, name), append(values, value)
	}
	_ = ch.Set("~ODBCVALUES~", strings.Join(values, ","))
	return strings.Join(names, ","), nil
}

// readCurlOption is CURLOPT(key).
func (ch *channel) readCurlOption(args string) (string, error) {
	o := ch.web
	if o == nil {
		o = &webOptions{}
	}
	switch strings.ToLower(strings.TrimSpace(args)) {
	case "httptimeout":
		return strconv.Itoa(int(o.time / time.Second)), nil
	case "useragent":
		return o.agent, nil
	case "referer":
		return o.referer, nil
	case "httpheader":
		return strings.Join(o.headers, ","), nil
	case "followlocation":
		return oneIf(o.follow), nil
	case "hashcompat":
		return o.hash, nil
	}
	return "", fmt.Errorf("CURLOPT(%s) is not known", clip(args))
}

// writeCurlOption is Set(CURLOPT(key)=value).
func (ch *channel) writeCurlOption(args, value string) error {
	o := webOptions{}
	if ch.web != nil {
		o = *ch.web
	}
	if len(value) > maxNote {
		return fmt.Errorf("CURLOPT(%s): more than %d bytes", clip(args), maxNote)
	}
	switch key := strings.ToLower(strings.TrimSpace(args)); key {
	case "httptimeout", "conntimeout", "dnstimeout", "ftptimeout":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || n <= 0 || n > webMost.Seconds() {
			return fmt.Errorf("CURLOPT(%s): write seconds up to %v", key, webMost)
		}
		if key == "httptimeout" {
			o.time = time.Duration(n * float64(time.Second))
		}
	case "useragent":
		o.agent = value
	case "referer":
		o.referer = value
	case "httpheader":
		if len(o.headers) >= webHeaders || strings.ContainsAny(value, "\r\n") {
			return errors.New("CURLOPT(httpheader): too many, or not one line")
		}
		o.headers = append(slices.Clone(o.headers), value)
	case "followlocation":
		o.follow = isYes(value)
	case "hashcompat":
		o.hash = strings.ToLower(value)
	case "failurecodes":
		for c := range strings.SplitSeq(value, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(c))
			if err != nil {
				return fmt.Errorf("CURLOPT(failurecodes): %q is no status", clip(c))
			}
			o.failures = append(slices.Clone(o.failures), n)
		}
	default:
		return fmt.Errorf("CURLOPT(%s) is not supported", clip(args))
	}
	ch.web = &o
	return nil
}
