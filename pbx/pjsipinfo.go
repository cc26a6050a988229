package pbx

import (
	"crypto/md5" //nolint:gosec // the name of a contact
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
)

// errNoHeaders means that the channel has no message whose headers were kept.
var errNoHeaders = errors.New("the channel has no INVITE of a telephone")

// reservedHeaders are those that the exchange writes itself.
var reservedHeaders = []string{"via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "route", "record-route", "content-length", "content-type", "authorization", "proxy-authorization", "require", "supported"}

// maxHeaders bounds what PJSIP_HEADER adds to one INVITE.
const maxHeaders = 64

// headersOf are the values of a header of a message.
func headersOf(m *sip.Message, name string) (values []string) {
	for n, v := range m.Fields() {
		if strings.EqualFold(n, name) {
			values = append(values, v)
		}
	}
	return values
}

// pick reads "read,NAME[,N]" or "NAME[,N]" and returns the N-th value.
func pick(m *sip.Message, args string) (string, error) {
	list := strings.SplitN(args, ",", 3)
	if strings.EqualFold(strings.TrimSpace(list[0]), "read") {
		list = list[1:]
	}
	if len(list) == 0 {
		return "", errors.New("write (read,NAME[,NUMBER])")
	}
	n := 1
	if len(list) > 1 {
		v, err := strconv.Atoi(strings.TrimSpace(list[1]))
		if err != nil || v < 1 {
			return "", fmt.Errorf("%q is not the number of a header", clip(list[1]))
		}
		n = v
	}
	values := headersOf(m, strings.TrimSpace(list[0]))
	if n > len(values) {
		return "", nil
	}
	return values[n-1], nil
}

// names are the names of a message's headers that begin with a prefix.
func names(m *sip.Message, prefix string) string {
	prefix = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(prefix), "*"))
	var list []string
	for n := range m.Fields() {
		if strings.HasPrefix(strings.ToLower(n), prefix) && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return strings.Join(list, ",")
}

// readHeader is PJSIP_HEADER(read,NAME[,NUMBER]).
func (ch *channel) readHeader(args string) (string, error) {
	if ch.caller.request == nil {
		return "", fmt.Errorf("PJSIP_HEADER: %w", errNoHeaders)
	}
	return pick(&ch.caller.request.Message, args)
}

// readHeaders is PJSIP_HEADERS([PREFIX]).
func (ch *channel) readHeaders(args string) (string, error) {
	if ch.caller.request == nil {
		return "", fmt.Errorf("PJSIP_HEADERS: %w", errNoHeaders)
	}
	return names(&ch.caller.request.Message, args), nil
}

// readHeaderParam is PJSIP_HEADER_PARAM(NAME,header|uri,PARAMETER).
func (ch *channel) readHeaderParam(args string) (string, error) {
	list := strings.Split(args, ",")
	if len(list) < 3 {
		return "", errors.New("write PJSIP_HEADER_PARAM(NAME,header|uri,PARAMETER)")
	}
	value, err := ch.readHeader(list[0])
	if err != nil || value == "" {
		return "", err
	}
	a, err := sip.ParseAddress(value)
	if err != nil {
		return "", err
	}
	params := a.Params
	if strings.EqualFold(strings.TrimSpace(list[1]), "uri") {
		uri, err := a.ParsedURI()
		if err != nil {
			return "", err
		}
		params = uri.Params
	}
	v, _ := params.Get(strings.TrimSpace(list[2]))
	return v, nil
}

// readResponseHeader is PJSIP_RESPONSE_HEADER(read,NAME[,NUMBER]).
func (ch *channel) readResponseHeader(args string) (string, error) {
	if ch.caller.response == nil {
		return "", errors.New("PJSIP_RESPONSE_HEADER: the channel's telephone has answered nothing")
	}
	return pick(&ch.caller.response.Message, args)
}

// readResponseHeaders is PJSIP_RESPONSE_HEADERS([PREFIX]).
func (ch *channel) readResponseHeaders(args string) (string, error) {
	if ch.caller.response == nil {
		return "", errors.New("PJSIP_RESPONSE_HEADERS: the channel's telephone has answered nothing")
	}
	return names(&ch.caller.response.Message, args), nil
}

// writeHeader is Set(PJSIP_HEADER(add|update|remove,NAME[,NUMBER])=value), for
// the INVITE of a telephone that is about to be called.
func (ch *channel) writeHeader(args, value string) error {
	l := ch.caller
	if !l.outgoing || l.state != legIdle {
		return errors.New("PJSIP_HEADER: only a telephone that is about to be called gets headers: use Dial's option b")
	}
	return editHeaders("PJSIP_HEADER", &l.extra, args, value)
}

// writeInheritedHeader is Set(PJSIP_INHERITABLE_HEADER(add|update|remove,NAME[,NUMBER])=value):
// a header of the INVITEs of all telephones that the channel calls, also by way of
// Local channels. On a telephone that is about to be called it is that one's.
func (ch *channel) writeInheritedHeader(args, value string) error {
	list := &ch.headers
	if l := ch.caller; l.outgoing && l.state == legIdle {
		list = &l.extra
	}
	return editHeaders("PJSIP_INHERITABLE_HEADER", list, args, value)
}

// editHeaders carries out what a function that writes headers is told.
func editHeaders(function string, headers *[]dialog.Header, args, value string) error {
	list := append(strings.Split(args, ","), "")
	if len(list) < 3 {
		return fmt.Errorf("write %s(add|update|remove,NAME)", function)
	}
	action, name := strings.ToLower(strings.TrimSpace(list[0])), strings.TrimSpace(list[1])
	switch {
	case name == "" || strings.ContainsAny(name, " \t\r\n:") || strings.ContainsAny(value, "\r\n\x00"):
		return fmt.Errorf("%s: %q is no header", function, clip(name))
	case slices.Contains(reservedHeaders, strings.ToLower(name)):
		return fmt.Errorf("%s: the exchange writes %s itself", function, name)
	}
	same := func(h dialog.Header) bool {
		prefix, all := strings.CutSuffix(strings.ToLower(name), "*")
		return strings.EqualFold(h.Name, name) || all && strings.HasPrefix(strings.ToLower(h.Name), prefix)
	}
	switch action {
	case "add":
		if len(*headers) >= maxHeaders || len(value) > maxUserField {
			return fmt.Errorf("%s: too many headers, or too long ones", function)
		}
		*headers = append(*headers, dialog.Header{Name: name, Value: value})
	case "update":
		number, err := strconv.Atoi(strings.TrimSpace(list[2]))
		if err != nil {
			number = 1
		}
		for i := range *headers {
			if !same((*headers)[i]) {
				continue
			}
			if number--; number == 0 {
				(*headers)[i].Value = value
				return nil
			}
		}
		return fmt.Errorf("%s: there is no %s to update", function, name)
	case "remove":
		*headers = slices.DeleteFunc(*headers, same)
	default:
		return fmt.Errorf("%s: %q is not add, update or remove", function, clip(action))
	}
	return nil
}

// pjsipDialContacts is PJSIP_DIAL_CONTACTS(endpoint[,aor[,user]]).
func (ch *channel) pjsipDialContacts(args string) (string, error) {
	list := append(strings.Split(args, ","), "", "")
	e := ch.set.Endpoints.Endpoints[strings.TrimSpace(list[0])]
	if e == nil {
		return "", fmt.Errorf("PJSIP_DIAL_CONTACTS: there is no endpoint %q", clip(list[0]))
	}
	d := &dialing{ch: ch}
	var contacts []Contact
	for _, aor := range e.AORs {
		if want := strings.TrimSpace(list[1]); want == "" || want == aor {
			one := pjsip.Endpoint{Object: e.Object, Profile: e.Profile, AORs: []string{aor}}
			contacts = append(contacts, d.contacts(&one, strings.TrimSpace(list[2]), "")...)
		}
	}
	out := make([]string, 0, len(contacts))
	for _, c := range contacts {
		out = append(out, "PJSIP/"+e.Name+"/"+c.URI)
	}
	return strings.Join(out, "&"), nil
}

// pjsipAOR is PJSIP_AOR(name,field); contact lists the names that
// PJSIP_CONTACT takes.
func (ch *channel) pjsipAOR(args string) (string, error) {
	name, field, _ := strings.Cut(args, ",")
	a := ch.set.Endpoints.AORs[strings.TrimSpace(name)]
	if a == nil {
		return "", fmt.Errorf("PJSIP_AOR: there is no aor %q", clip(name))
	}
	switch strings.ToLower(strings.TrimSpace(field)) {
	case "contact":
		var list []string
		for _, c := range ch.srv.cfg.Locator.Lookup(a.Name) {
			list = append(list, contactID(a, c.URI))
		}
		return strings.Join(list, ","), nil
	case "mailboxes":
		return strings.Join(a.Mailboxes, ","), nil
	case "max_contacts":
		return strconv.Itoa(a.MaxContacts), nil
	case "remove_existing":
		return trueFalse(a.RemoveExisting), nil
	case "remove_unavailable":
		return trueFalse(a.RemoveUnavailable), nil
	case "default_expiration":
		return whole(a.DefaultExpiration), nil
	case "minimum_expiration":
		return whole(a.MinimumExpiration), nil
	case "maximum_expiration":
		return whole(a.MaximumExpiration), nil
	case "qualify_frequency":
		return whole(a.QualifyFrequency), nil
	case "authenticate_qualify":
		return trueFalse(a.AuthenticateQualify), nil
	case "qualify_timeout":
		return strconv.FormatFloat(a.QualifyTimeout.Seconds(), 'f', 6, 64), nil
	case "support_path":
		return trueFalse(a.SupportPath), nil
	case "outbound_proxy":
		return a.OutboundProxy, nil
	case "voicemail_extension":
		return a.VoicemailExtension, nil
	}
	return "", fmt.Errorf("PJSIP_AOR: field %q is not known", clip(field))
}

// pjsipContact is PJSIP_CONTACT(name,field) of a name that PJSIP_AOR(…,contact)
// returned.
func (ch *channel) pjsipContact(args string) (string, error) {
	name, field, _ := strings.Cut(args, ",")
	id := strings.TrimSpace(name)
	end := max(strings.LastIndex(id, ";@"), strings.LastIndex(id, "@@"), 0)
	a := ch.set.Endpoints.AORs[id[:end]]
	var found []Contact
	if a != nil {
		found = slices.DeleteFunc(ch.srv.cfg.Locator.Lookup(a.Name), func(c Contact) bool { return contactID(a, c.URI) != id })
	}
	if len(found) == 0 {
		return "", fmt.Errorf("PJSIP_CONTACT: there is no contact %q", clip(name))
	}
	aor, uri := a.Name, found[0].URI
	switch strings.ToLower(strings.TrimSpace(field)) {
	case "uri":
		return uri, nil
	case "aor":
		return aor, nil
	case "status":
		if down := ch.srv.cfg.Unreachable; down != nil && down(uri) {
			return "Unreachable", nil
		}
		return "Reachable", nil
	}
	return "", fmt.Errorf("PJSIP_CONTACT: field %q is not known", clip(field))
}

// trueFalse writes a switch as Asterisk's PJSIP functions do.
func trueFalse(b bool) string { return strconv.FormatBool(b) }

// contactID is the name of a contact that PJSIP_CONTACT takes: NAME;@HASH, or
// NAME@@HASH of one that pjsip.conf gives the aor. The hash is MD5 of the URI.
func contactID(a *pjsip.AOR, uri string) string {
	sum := md5.Sum([]byte(uri)) //nolint:gosec // a name, as Asterisk makes it, no proof
	mark := ";@"
	if slices.Contains(a.Contacts, uri) {
		mark = "@@"
	}
	return a.Name + mark + hex.EncodeToString(sum[:])
}

// pjsipEndpoint is PJSIP_ENDPOINT(name,option). Secrets are not options of an
// endpoint.
func (ch *channel) pjsipEndpoint(args string) (string, error) {
	name, option, _ := strings.Cut(args, ",")
	e := ch.set.Endpoints.Endpoints[strings.TrimSpace(name)]
	if e == nil {
		return "", fmt.Errorf("PJSIP_ENDPOINT: there is no endpoint %q", clip(name))
	}
	value, ok := endpointOption(e, strings.ToLower(strings.TrimSpace(option)))
	if !ok {
		return "", fmt.Errorf("PJSIP_ENDPOINT: option %q is not known", clip(option))
	}
	return value, nil
}

// endpointOption writes an option as pjsip.conf does.
func endpointOption(e *pjsip.Endpoint, option string) (string, bool) {
	texts := map[string]string{
		"aors": strings.Join(e.AORs, ","), "auth": strings.Join(e.Auth, ","), "outbound_auth": strings.Join(e.OutboundAuth, ","),
		"allow": "(" + strings.Join(e.Codecs, "|") + ")", "context": e.Context, "message_context": e.MessageContext, "subscribe_context": e.SubscribeContext,
		"transport": e.Transport, "outbound_proxy": e.OutboundProxy, "identify_by": strings.Join(e.IdentifyBy, ","),
		"callerid": callerID(e.CallerIDName, e.CallerIDNum), "callerid_privacy": e.CallerIDPrivacy, "callerid_tag": e.CallerIDTag,
		"from_user": e.FromUser, "from_domain": e.FromDomain, "contact_user": e.ContactUser, "mailboxes": strings.Join(e.Mailboxes, ","),
		"accountcode": e.AccountCode, "set_var": strings.Join(e.SetVar, ","), "dtmf_mode": e.DTMFMode, "language": e.Language, "tone_zone": e.ToneZone,
		"moh_suggest": e.MusicOnHold, "call_group": strings.Join(e.CallGroup, ","), "pickup_group": strings.Join(e.PickupGroup, ","),
		"named_call_group": strings.Join(e.NamedCallGroup, ","), "named_pickup_group": strings.Join(e.NamedPickupGroup, ","),
		"media_encryption": e.MediaEncryption, "100rel": e.Rel100, "timers": e.Timers, "redirect_method": e.RedirectMethod,
		"direct_media": trueFalse(e.DirectMedia), "rtp_symmetric": trueFalse(e.RTPSymmetric), "force_rport": trueFalse(e.ForceRport), "rewrite_contact": trueFalse(e.RewriteContact),
		"send_pai": trueFalse(e.SendPAI), "send_rpid": trueFalse(e.SendRPID), "trust_id_inbound": trueFalse(e.TrustIDInbound), "trust_id_outbound": trueFalse(e.TrustIDOutbound),
		"send_diversion": trueFalse(e.SendDiversion), "allow_transfer": trueFalse(e.AllowTransfer), "allow_overlap": trueFalse(e.AllowOverlap), "allow_subscribe": trueFalse(e.AllowSubscribe),
		"ice_support": trueFalse(e.ICE), "webrtc": trueFalse(e.WebRTC), "inband_progress": trueFalse(e.InbandProgress), "device_state_busy_at": strconv.Itoa(e.DeviceStateBusyAt),
		"rtp_timeout": whole(e.RTPTimeout), "rtp_timeout_hold": whole(e.RTPTimeoutHold), "voicemail_extension": e.VoicemailExtension, "tenantid": e.TenantID,
	}
	value, ok := texts[option]
	return value, ok
}

// readDTMFMode is PJSIP_DTMF_MODE().
func (ch *channel) readDTMFMode(string) (string, error) { return ch.caller.endpoint.DTMFMode, nil }

// writeDTMFMode is Set(PJSIP_DTMF_MODE()=mode), of this channel alone.
func (ch *channel) writeDTMFMode(_, value string) error {
	value = strings.ToLower(strings.TrimSpace(value))
	if !slices.Contains([]string{"rfc4733", "inband", "info", "auto", "auto_info", "none"}, value) {
		return fmt.Errorf("PJSIP_DTMF_MODE: %q is no mode", clip(value))
	}
	profile := *ch.caller.endpoint.Profile
	profile.DTMFMode = value
	e := *ch.caller.endpoint
	e.Profile = &profile
	ch.caller.endpoint = &e
	return nil
}

// readMediaOffer is PJSIP_MEDIA_OFFER(audio|video): the codecs by name.
func (ch *channel) readMediaOffer(args string) (string, error) {
	list := ch.caller.endpoint.Codecs
	if ch.caller.chosen != nil {
		list = ch.caller.chosen
	}
	video := strings.EqualFold(strings.TrimSpace(args), "video")
	var names []string
	for _, name := range list {
		if c := codecNamed(name); c.name != "" && c.isVideo() == video {
			names = append(names, name)
		}
	}
	return "(" + strings.Join(names, "|") + ")", nil
}

// writeMediaOffer is Set(PJSIP_MEDIA_OFFER(audio|video)=[!all,]codec,…): the
// codecs of the offer to a telephone that is about to be called, or of the next
// re-INVITE.
func (ch *channel) writeMediaOffer(args, value string) error {
	video := strings.EqualFold(strings.TrimSpace(args), "video")
	list := ch.caller.endpoint.Codecs
	if ch.caller.chosen != nil {
		list = ch.caller.chosen
	}
	chosen := slices.DeleteFunc(slices.Clone(list), func(name string) bool { return codecNamed(name).isVideo() == video })
	for name := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(",|&() ", r) }) {
		switch c := codecNamed(strings.ToLower(name)); {
		case name == "!all":
		case c.name == "" || c.isVideo() != video:
			return fmt.Errorf("PJSIP_MEDIA_OFFER: there is no codec %q for it", clip(name))
		case !slices.Contains(chosen, c.name):
			chosen = append(chosen, c.name)
		}
	}
	ch.caller.chosen = chosen
	return nil
}

// sendRefresh is Set(PJSIP_SEND_SESSION_REFRESH()=invite|update).
func (ch *channel) sendRefresh(_, value string) error {
	l := ch.caller
	if l.state != legUp || l.session == nil {
		return errors.New("PJSIP_SEND_SESSION_REFRESH: the channel has not been answered")
	}
	send := l.session.ReInvite
	if strings.EqualFold(strings.TrimSpace(value), "update") {
		send = l.session.Update
	}
	l.modify(func() error {
		offer, err := l.makeOffer(nil)
		if err != nil {
			return err
		}
		return send(offer)
	})
	// What follows in the dialplan finds the new agreement, and its end does not
	// overtake the offer.
	for until := time.Now().Add(ackTime); l.exchanging() && !ch.gone() && ch.step(until); {
	}
	return nil
}

// parseURI is PJSIP_PARSE_URI(uri,part).
func (ch *channel) parseURI(args string) (string, error) {
	text, part, ok := cutLast(args)
	if !ok {
		return "", errors.New("write PJSIP_PARSE_URI(URI,PART)")
	}
	return uriPart(text, part)
}

// parseURIFrom is PJSIP_PARSE_URI_FROM(variable,part).
func (ch *channel) parseURIFrom(args string) (string, error) {
	name, part, ok := cutLast(args)
	if !ok {
		return "", errors.New("write PJSIP_PARSE_URI_FROM(VARIABLE,PART)")
	}
	return uriPart(ch.Get(name), part)
}

func cutLast(s string) (before, after string, ok bool) {
	at := strings.LastIndexByte(s, ',')
	if at < 0 {
		return "", "", false
	}
	return strings.TrimSpace(s[:at]), strings.TrimSpace(s[at+1:]), true
}

// uriPart is a part of a URI or of a name-addr.
func uriPart(text, part string) (string, error) {
	a, err := sip.ParseAddress(text)
	if err != nil {
		return "", err
	}
	u, err := a.ParsedURI()
	if err != nil {
		return "", err
	}
	switch part = strings.ToLower(part); part {
	case "display":
		return a.Display, nil
	case "scheme":
		return u.Scheme, nil
	case "user":
		return u.Username(), nil
	case "passwd":
		_, password, _ := strings.Cut(u.User, ":")
		return password, nil
	case "host":
		return u.Host, nil
	case "port":
		if u.Port == 0 {
			return "", nil
		}
		return strconv.Itoa(int(u.Port)), nil
	case "user_param":
		part = "user"
	case "method_param", "transport_param", "ttl_param", "lr_param", "maddr_param":
		part = strings.TrimSuffix(part, "_param")
	default:
		return "", fmt.Errorf("%q is no part of a URI", clip(part))
	}
	v, _ := u.Params.Get(part)
	return v, nil
}
