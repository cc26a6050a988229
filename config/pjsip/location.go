package pjsip

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// aorTable lists every option of type=aor.
func aorTable() table[AOR] {
	return table[AOR]{kind: "aor", fresh: func() AOR { return AOR{AORPolicy: &AORPolicy{}} }, options: []option[AOR]{
		own(yes("contact", "", more(func(a *AOR) *[]string { return &a.Contacts }))),
		yes("max_contacts", "0", whole(func(a *AOR) *int { return &a.MaxContacts }, 0, 1<<20)),
		yes("remove_existing", "no", boolean(func(a *AOR) *bool { return &a.RemoveExisting })),
		yes("remove_unavailable", "no", boolean(func(a *AOR) *bool { return &a.RemoveUnavailable })),
		yes("default_expiration", "3600", seconds(func(a *AOR) *time.Duration { return &a.DefaultExpiration })),
		yes("minimum_expiration", "60", seconds(func(a *AOR) *time.Duration { return &a.MinimumExpiration })),
		yes("maximum_expiration", "7200", seconds(func(a *AOR) *time.Duration { return &a.MaximumExpiration })),
		yes("qualify_frequency", "0", seconds(func(a *AOR) *time.Duration { return &a.QualifyFrequency })),
		yes("qualify_timeout", "3.0", fraction(func(a *AOR) *time.Duration { return &a.QualifyTimeout })),
		yes("qualify_2xx_only", "no", boolean(func(a *AOR) *bool { return &a.Qualify2xxOnly })),
		yes("authenticate_qualify", "no", boolean(func(a *AOR) *bool { return &a.AuthenticateQualify })),
		later("support_path", "no", "yes", "Path is always supported", boolean(func(a *AOR) *bool { return &a.SupportPath })),
		yes("outbound_proxy", "", str(func(a *AOR) *string { return &a.OutboundProxy })),
		own(yes("mailboxes", "", list(func(a *AOR) *[]string { return &a.Mailboxes }))),
		yes("voicemail_extension", "", str(func(a *AOR) *string { return &a.VoicemailExtension })),
	}}
}

// authTable lists every option of type=auth.
func authTable() table[Auth] {
	return table[Auth]{kind: "auth", fresh: func() Auth { return Auth{AuthPolicy: &AuthPolicy{}} }, options: []option[Auth]{
		yes("auth_type", "digest", choice(func(a *Auth) *string { return &a.Type }, "digest", "userpass=digest", "md5=digest", "google_oauth")),
		own(yes("username", "", str(func(a *Auth) *string { return &a.Username }))),
		own(private(yes("password", "", secret(func(a *Auth) *config.Secret { return &a.Password })))),
		own(private(yes("password_digest", "", passwordDigest))),
		own(private(yes("md5_cred", "", func(a *Auth, v string) error { return a.addDigest("MD5", v) }))),
		yes("realm", "", str(func(a *Auth) *string { return &a.Realm })),
		later("nonce_lifetime", "32", "300", "nonces live five minutes", seconds(func(a *Auth) *time.Duration { return &a.NonceLifetime })),
		later("supported_algorithms_uas", "", "", "default_auth_algorithms_uas holds for all", algorithms(func(a *Auth) *[]string { return &a.AlgorithmsUAS })),
		later("supported_algorithms_uac", "", "", "the strongest algorithm of the server's is used", algorithms(func(a *Auth) *[]string { return &a.AlgorithmsUAC })),
		private(later("refresh_token", "", "", "OAuth is not spoken", secret(func(a *Auth) *config.Secret { return &a.RefreshToken }))),
		later("oauth_clientid", "", "", "OAuth is not spoken", str(func(a *Auth) *string { return &a.OAuthClientID })),
		private(later("oauth_secret", "", "", "OAuth is not spoken", secret(func(a *Auth) *config.Secret { return &a.OAuthSecret }))),
	}}
}

// digestLength is the number of hexadecimal digits of each digest (RFC 7616,
// RFC 8760).
func digestLength(algorithm string) int {
	switch algorithm {
	case "MD5":
		return 32
	case "SHA-256", "SHA-512-256":
		return 64
	}
	return 0
}

// passwordDigest reads ALGORITHM:HASH,….
func passwordDigest(a *Auth, v string) error {
	for _, item := range commaList(v) {
		algorithm, hash, ok := strings.Cut(item, ":")
		if !ok {
			return errors.New("write ALGORITHM:HASH, for instance SHA-256:…")
		}
		if err := a.addDigest(strings.ToUpper(strings.TrimSpace(algorithm)), strings.TrimSpace(hash)); err != nil {
			return err
		}
	}
	return nil
}

// addDigest keeps a hash. The message never shows it.
func (a *Auth) addDigest(algorithm, hash string) error {
	if hash == "" {
		return nil
	}
	length := digestLength(algorithm)
	if length == 0 {
		return errors.New("the algorithm is one of MD5, SHA-256, SHA-512-256")
	}
	if len(hash) != length || strings.Trim(hash, "0123456789abcdefABCDEF") != "" {
		return fmt.Errorf("an %s hash has %d hexadecimal digits", algorithm, length)
	}
	if a.Digests == nil {
		a.Digests = map[string]config.Secret{}
	}
	a.Digests[algorithm] = config.NewSecret(strings.ToLower(hash))
	return nil
}

// algorithms reads a list of digest algorithms.
func algorithms[T any](field func(*T) *[]string) setter[T] {
	return func(o *T, v string) error {
		var names []string
		for _, item := range commaList(v) {
			name := strings.ToUpper(item)
			if digestLength(name) == 0 {
				return wordError(item, []string{"MD5", "SHA-256", "SHA-512-256"})
			}
			names = append(names, name)
		}
		*field(o) = slices.Compact(names)
		return nil
	}
}

// identifyTable lists every option of type=identify.
func identifyTable() table[Identify] {
	return table[Identify]{kind: "identify", options: []option[Identify]{
		yes("endpoint", "", str(func(i *Identify) *string { return &i.Endpoint })),
		yes("match", "", identifyMatch),
		yes("match_header", "", matchHeader),
		yes("match_request_uri", "", matchRequestURI),
		later[Identify]("transport", "", "", "requests are not known by the socket they come to", nil),
		yes("srv_lookups", "yes", boolean(func(i *Identify) *bool { return &i.SRVLookups })),
	}}
}

// matchRequestURI reads a URI, or /REGULAR EXPRESSION/.
func matchRequestURI(i *Identify, v string) error {
	m := &URIMatch{Value: v}
	if len(v) > 2 && v[0] == '/' && v[len(v)-1] == '/' {
		var err error
		if m.Pattern, err = regexp.Compile(v[1 : len(v)-1]); err != nil {
			return fmt.Errorf("%q: %w", v, err)
		}
	}
	i.MatchRequestURI = m
	if v == "" {
		i.MatchRequestURI = nil
	}
	return nil
}

// matchHeader reads NAME: VALUE, or NAME: /REGULAR EXPRESSION/.
func matchHeader(i *Identify, v string) error {
	name, value, ok := strings.Cut(v, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || value == "" {
		return fmt.Errorf("%q is not NAME: VALUE", v)
	}
	h := HeaderMatch{Name: name, Value: value}
	if len(value) > 2 && value[0] == '/' && value[len(value)-1] == '/' {
		var err error
		if h.Pattern, err = regexp.Compile(value[1 : len(value)-1]); err != nil {
			return fmt.Errorf("%q: %w", v, err)
		}
	}
	i.MatchHeader = h
	return nil
}

// identifyMatch reads addresses, networks and host names, each with the source
// port if only that one is meant: 192.0.2.1:5060, 192.0.2.0:5060/24,
// [2001:db8::1]:5060.
func identifyMatch(i *Identify, v string) error {
	for _, item := range commaList(v) {
		network, port, err := cutPort(item)
		if err != nil {
			return err
		}
		if p, err := parseNetwork(network); err == nil {
			i.Match = append(i.Match, Source{p, port})
			continue
		}
		if network == "" || strings.Trim(network, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != "" {
			return fmt.Errorf("%q is neither an address, a network nor a host name", item)
		}
		i.MatchHosts = append(i.MatchHosts, network)
	}
	return nil
}

// cutPort cuts off :PORT, which stands before /BITS. 0: there is none.
func cutPort(item string) (network string, port uint16, err error) {
	host, mask, masked := strings.Cut(item, "/")
	if n := strings.LastIndexByte(host, ':'); n >= 0 && (strings.Count(host, ":") == 1 || strings.HasSuffix(host[:n], "]")) {
		p, err := strconv.ParseUint(host[n+1:], 10, 16)
		if err != nil || p == 0 {
			return "", 0, fmt.Errorf("%q: the port is not one of 1 to 65535", item)
		}
		host, port = host[:n], uint16(p)
	}
	if masked {
		host += "/" + mask
	}
	return host, port, nil
}

// registrationTable lists every option of type=registration.
func registrationTable() table[Registration] {
	type reg = Registration
	return table[reg]{kind: "registration", options: []option[reg]{
		yes("server_uri", "", str(func(r *reg) *string { return &r.ServerURI })),
		yes("client_uri", "", str(func(r *reg) *string { return &r.ClientURI })),
		yes("contact_user", "", str(func(r *reg) *string { return &r.ContactUser })),
		yes("contact_header_params", "", str(func(r *reg) *string { return &r.ContactHeaderParams })),
		yes("transport", "", str(func(r *reg) *string { return &r.Transport })),
		yes("outbound_proxy", "", str(func(r *reg) *string { return &r.OutboundProxy })),
		yes("outbound_auth", "", list(func(r *reg) *[]string { return &r.OutboundAuth })),
		yes("endpoint", "", str(func(r *reg) *string { return &r.Endpoint })),
		yes("line", "no", boolean(func(r *reg) *bool { return &r.Line })),
		yes("expiration", "3600", seconds(func(r *reg) *time.Duration { return &r.Expiration })),
		yes("retry_interval", "60", seconds(func(r *reg) *time.Duration { return &r.RetryInterval })),
		yes("forbidden_retry_interval", "0", seconds(func(r *reg) *time.Duration { return &r.ForbiddenRetryInterval })),
		yes("fatal_retry_interval", "0", seconds(func(r *reg) *time.Duration { return &r.FatalRetryInterval })),
		yes("max_retries", "10", whole(func(r *reg) *int { return &r.MaxRetries }, 0, 1<<30)),
		yes("max_random_initial_delay", "10", seconds(func(r *reg) *time.Duration { return &r.MaxRandomInitialDelay })),
		yes("auth_rejection_permanent", "yes", boolean(func(r *reg) *bool { return &r.AuthRejectionPermanent })),
		yes("support_path", "no", boolean(func(r *reg) *bool { return &r.SupportPath })),
		later("support_outbound", "no", "no", "REGISTER has no reg-id and instance", boolean(func(r *reg) *bool { return &r.SupportOutbound })),
		yes("user_agent", "", str(func(r *reg) *string { return &r.UserAgent })),
		yes("security_negotiation", "no", choice(func(r *reg) *string { return &r.SecurityNegotiation }, "no", "mediasec")),
		yes("security_mechanisms", "", list(func(r *reg) *[]string { return &r.SecurityMechanisms })),
	}}
}

// resourceListTable lists every option of type=resource_list.
func resourceListTable() table[ResourceList] {
	type rl = ResourceList
	return table[rl]{kind: "resource_list", options: []option[rl]{
		yes("event", "", choice(func(r *rl) *string { return &r.Event }, "", "presence", "message-summary")),
		yes("list_item", "", func(r *rl, v string) error {
			r.Items = append(r.Items, commaList(v)...)
			return nil
		}),
		yes("full_state", "no", boolean(func(r *rl) *bool { return &r.FullState })),
		yes("notification_batch_interval", "0", func(r *rl, v string) error {
			n, err := strconv.ParseUint(v, 10, 31)
			r.Batch = time.Duration(n) * time.Millisecond
			return err
		}),
		yes("resource_display_name", "no", boolean(func(r *rl) *bool { return &r.DisplayNames })),
	}}
}

// aclTable lists every option of type=acl.
func aclTable() table[ACL] {
	return table[ACL]{kind: "acl", options: []option[ACL]{
		yes("acl", "", list(func(a *ACL) *[]string { return &a.Names })),
		yes("deny", "", rules(func(a *ACL) *[]ACLRule { return &a.Rules }, false)),
		yes("permit", "", rules(func(a *ACL) *[]ACLRule { return &a.Rules }, true)),
		yes("contact_acl", "", list(func(a *ACL) *[]string { return &a.ContactNames })),
		yes("contact_deny", "", rules(func(a *ACL) *[]ACLRule { return &a.ContactRules }, false)),
		yes("contact_permit", "", rules(func(a *ACL) *[]ACLRule { return &a.ContactRules }, true)),
	}}
}
