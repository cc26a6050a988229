package pjsip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Endpoint is type=endpoint: a phone, trunk or gateway.
type Endpoint struct {
	Object
	*Profile
	AORs                      []string // where the endpoint is reached
	Auth                      []string // what incoming requests must prove; empty = nothing
	OutboundAuth              []string
	CallerIDName, CallerIDNum string
	FromUser, ContactUser     string
	Mailboxes                 []string
	AccountCode               string
	SetVar                    []string // NAME=VALUE
}

// Profile are options that endpoints usually have in common. One value serves
// all endpoints whose files say the same; nobody may write to it.
type Profile struct {
	// Where calls go and come from.
	Context          string
	MessageContext   string
	SubscribeContext string
	OverlapContext   string
	Transport        string // name; "" = the first that fits
	OutboundProxy    string
	IdentifyBy       []string // username auth_username ip header request_uri transport
	Access

	// Who calls.
	CallerIDPrivacy     string
	CallerIDTag         string
	FromDomain          string
	TrustIDInbound      bool
	TrustIDOutbound     bool
	TrustConnectedLine  bool
	SendConnectedLine   bool
	SendPAI, SendRPID   bool
	SendDiversion       bool
	SendHistoryInfo     bool
	RPIDImmediate       bool
	ConnectedLineMethod string // invite, update

	// Signalling.
	Rel100                   string // no, required, peer_supported, yes
	Timers                   string // no, yes, required, always
	TimersMinSE              time.Duration
	TimersSessExpires        time.Duration
	ForceRport               bool
	RewriteContact           bool
	AllowOverlap             bool
	AllowTransfer            bool
	AllowSubscribe           bool
	SubMinExpiry             time.Duration
	InbandProgress           bool
	UserEqPhone              bool
	FollowRedirects          []string // message, invite
	RedirectMethod           string   // user, uri_core, uri_pjsip
	ReferBlindProgress       bool
	Ignore183WithoutSDP      bool
	SuppressQ850Reason       bool
	AllowUnauthOptions       bool
	NotifyEarlyInUseRinging  bool
	DeviceStateBusyAt        int // 0 = never
	FollowEarlyMediaFork     bool
	AcceptMultipleSDPAnswers bool
	MWISubscribeReplaces     bool
	AggregateMWI             bool
	MWIFromUser              string
	IncomingMWIMailbox       string
	VoicemailExtension       string

	// Media.
	Codecs                []string // in order of preference, Asterisk's names: some of Codecs()
	Missing               []string // allowed by the file, but not negotiated
	DTMFMode              string   // rfc4733 inband info auto auto_info none
	DirectMedia           bool
	DirectMediaMethod     string
	DirectMediaGlare      string
	NoDirectMediaOnNAT    bool
	RTPSymmetric          bool
	RTPIPv6               bool
	MediaAddress          netip.Addr // put into SDP; zero = by route
	BindRTPToMediaAddress bool
	UsePtime              bool
	RTPKeepalive          time.Duration // 0 = none
	RTPTimeout            time.Duration // without packets until hang-up; 0 = never
	RTPTimeoutHold        time.Duration // the same while on hold
	AsymmetricCodec       bool
	PreferredCodecOnly    bool
	IncomingOfferPref     string // local, remote, each with _first
	OutgoingOfferPref     string // local, remote, each with _merge or _first
	MaxAudioStreams       int
	MaxVideoStreams       int
	ICE                   bool
	RTCPMux, Bundle       bool
	WebRTC                bool
	AVPF, ForceAVP        bool
	UseReceivedTransport  bool
	MediaEncryption       string // no, sdes, dtls
	EncryptionOptimistic  bool
	SRTPTag32             bool
	DTLS                  DTLS
	SDPOwner, SDPSession  string
	TOSAudio, COSAudio    int // -1 = not set
	TOSVideo, COSVideo    int
	MusicOnHold           string
	MOHPassthrough        bool
	SuppressMOHOnSendonly bool

	// The channel.
	Language              string
	ToneZone              string
	CallGroup             []string
	PickupGroup           []string
	NamedCallGroup        []string
	NamedPickupGroup      []string
	TenantID              string
	OneTouchRecord        bool
	RecordOn              string
	RecordOff             string
	T38                   bool
	T38EC                 string // none, fec, redundancy
	T38MaxDatagram        int    // octets; 0 = as the peer says
	T38BindToMediaAddress bool
	FaxDetect             bool
}

// DTLS is what dtls_* options say.
type DTLS struct {
	Verify      string // no, fingerprint, certificate, yes
	Rekey       time.Duration
	AutoCert    bool
	CertFile    string
	PrivateKey  string
	Cipher      string
	CAFile      string
	CAPath      string
	Setup       string // active, passive, actpass
	Fingerprint string // SHA-256, SHA-1
}

// FollowsRedirects reports whether requests of a method go where a 3xx answer says
// (follow_redirect_methods).
func (p *Profile) FollowsRedirects(method string) bool {
	return slices.ContainsFunc(p.FollowRedirects, func(m string) bool { return strings.EqualFold(m, method) })
}

type ep = Endpoint

// endpointTable lists every option of type=endpoint that Asterisk 22 documents.
func endpointTable() table[ep] {
	t := table[ep]{kind: "endpoint", fresh: func() ep { return ep{Profile: &Profile{}} }}
	t.options = append(t.options, endpointRouting()...)
	t.options = append(t.options, endpointIdentity()...)
	t.options = append(t.options, endpointSignalling()...)
	t.options = append(t.options, endpointMedia()...)
	t.options = append(t.options, endpointSecurity()...)
	t.options = append(t.options, endpointChannel()...)
	return t
}

func endpointRouting() []option[ep] {
	return []option[ep]{
		yes("context", "default", str(func(e *ep) *string { return &e.Context })),
		yes("message_context", "", str(func(e *ep) *string { return &e.MessageContext })),
		yes("subscribe_context", "", str(func(e *ep) *string { return &e.SubscribeContext })),
		yes("overlap_context", "", str(func(e *ep) *string { return &e.OverlapContext })),
		yes("transport", "", str(func(e *ep) *string { return &e.Transport })),
		own(yes("aors", "", list(func(e *ep) *[]string { return &e.AORs }))),
		own(yes("auth", "", list(func(e *ep) *[]string { return &e.Auth }))),
		own(yes("outbound_auth", "", list(func(e *ep) *[]string { return &e.OutboundAuth }))),
		yes("outbound_proxy", "", str(func(e *ep) *string { return &e.OutboundProxy })),
		yes("identify_by", "username,ip", identifyBy),
		yes("acl", "", list(func(e *ep) *[]string { return &e.Names })),
		yes("deny", "", rules(func(e *ep) *[]ACLRule { return &e.Rules }, false)),
		yes("permit", "", rules(func(e *ep) *[]ACLRule { return &e.Rules }, true)),
		yes("contact_acl", "", list(func(e *ep) *[]string { return &e.ContactNames })),
		yes("contact_deny", "", rules(func(e *ep) *[]ACLRule { return &e.ContactRules }, false)),
		yes("contact_permit", "", rules(func(e *ep) *[]ACLRule { return &e.ContactRules }, true)),
	}
}

// identifyBy reads the ways in which requests of an endpoint are known.
func identifyBy(e *ep, v string) error {
	words := []string{"username", "auth_username", "ip", "header", "request_uri", "transport"}
	e.IdentifyBy = nil
	for _, item := range commaList(v) {
		var word string
		if err := choice(func(*ep) *string { return &word }, words...)(e, item); err != nil {
			return err
		}
		e.IdentifyBy = append(e.IdentifyBy, word)
	}
	return nil
}

func endpointIdentity() []option[ep] {
	return []option[ep]{
		own(yes("callerid", "", callerID)),
		yes("callerid_privacy", "", choice(func(e *ep) *string { return &e.CallerIDPrivacy },
			"allowed_not_screened", "allowed_passed_screen", "allowed_failed_screen", "allowed",
			"prohib_not_screened", "prohib_passed_screen", "prohib_failed_screen", "prohib", "unavailable")),
		yes("callerid_tag", "", str(func(e *ep) *string { return &e.CallerIDTag })),
		own(yes("from_user", "", str(func(e *ep) *string { return &e.FromUser }))),
		yes("from_domain", "", str(func(e *ep) *string { return &e.FromDomain })),
		own(yes("contact_user", "", str(func(e *ep) *string { return &e.ContactUser }))),
		yes("trust_id_inbound", "no", boolean(func(e *ep) *bool { return &e.TrustIDInbound })),
		yes("trust_id_outbound", "no", boolean(func(e *ep) *bool { return &e.TrustIDOutbound })),
		yes("trust_connected_line", "yes", boolean(func(e *ep) *bool { return &e.TrustConnectedLine })),
		yes("send_connected_line", "yes", boolean(func(e *ep) *bool { return &e.SendConnectedLine })),
		yes("connected_line_method", "invite",
			choice(func(e *ep) *string { return &e.ConnectedLineMethod }, "invite", "reinvite=invite", "update")),
		yes("send_pai", "no", boolean(func(e *ep) *bool { return &e.SendPAI })),
		yes("send_rpid", "no", boolean(func(e *ep) *bool { return &e.SendRPID })),
		yes("rpid_immediate", "no", boolean(func(e *ep) *bool { return &e.RPIDImmediate })),
		yes("send_diversion", "yes", boolean(func(e *ep) *bool { return &e.SendDiversion })),
		yes("send_history_info", "no", boolean(func(e *ep) *bool { return &e.SendHistoryInfo })),
		later[ep]("send_aoc", "no", "no", "advice of charge is not sent", nil),
		later[ep]("stir_shaken", "no", "no", "Identity is neither checked nor sent", nil),
		later[ep]("stir_shaken_profile", "", "", "Identity is neither checked nor sent", nil),
		later[ep]("geoloc_incoming_call_profile", "", "", "geolocation is not read", nil),
		later[ep]("geoloc_outgoing_call_profile", "", "", "geolocation is not sent", nil),
	}
}

// callerID reads NAME <NUMBER>, "NAME" <NUMBER>, <NUMBER> or NUMBER.
func callerID(e *ep, v string) error {
	name, number, bracket := strings.Cut(v, "<")
	if bracket {
		var closed bool
		if number, _, closed = strings.Cut(number, ">"); !closed {
			return fmt.Errorf("%q has no closing >", v)
		}
	} else if strings.Trim(v, "+*#0123456789 -()") == "" {
		name, number = "", v
	}
	name = strings.TrimSpace(name)
	if unquoted, ok := strings.CutPrefix(name, `"`); ok {
		name = strings.ReplaceAll(strings.TrimSuffix(unquoted, `"`), `\"`, `"`)
	}
	e.CallerIDName, e.CallerIDNum = name, strings.TrimSpace(number)
	return nil
}

func endpointSignalling() []option[ep] {
	return []option[ep]{
		yes("100rel", "yes", flag(func(e *ep) *string { return &e.Rel100 }, "no", "required", "peer_supported", "yes")),
		yes("timers", "yes", flag(func(e *ep) *string { return &e.Timers }, "no", "yes", "required", "always", "forced=always")),
		yes("timers_min_se", "90", seconds(func(e *ep) *time.Duration { return &e.TimersMinSE })),
		yes("timers_sess_expires", "1800", seconds(func(e *ep) *time.Duration { return &e.TimersSessExpires })),
		yes("force_rport", "yes", boolean(func(e *ep) *bool { return &e.ForceRport })),
		yes("rewrite_contact", "no", boolean(func(e *ep) *bool { return &e.RewriteContact })),
		yes("allow_overlap", "yes", boolean(func(e *ep) *bool { return &e.AllowOverlap })),
		yes("allow_transfer", "yes", boolean(func(e *ep) *bool { return &e.AllowTransfer })),
		yes("refer_blind_progress", "yes", boolean(func(e *ep) *bool { return &e.ReferBlindProgress })),
		yes("allow_subscribe", "yes", boolean(func(e *ep) *bool { return &e.AllowSubscribe })),
		yes("sub_min_expiry", "0", seconds(func(e *ep) *time.Duration { return &e.SubMinExpiry })),
		yes("notify_early_inuse_ringing", "no", boolean(func(e *ep) *bool { return &e.NotifyEarlyInUseRinging })),
		yes("device_state_busy_at", "0", whole(func(e *ep) *int { return &e.DeviceStateBusyAt }, 0, 1<<20)),
		yes("inband_progress", "no", boolean(func(e *ep) *bool { return &e.InbandProgress })),
		yes("user_eq_phone", "no", boolean(func(e *ep) *bool { return &e.UserEqPhone })),
		yes("redirect_method", "user", choice(func(e *ep) *string { return &e.RedirectMethod }, "user", "uri_core", "uri_pjsip")),
		yes("follow_redirect_methods", "", list(func(e *ep) *[]string { return &e.FollowRedirects })), // calls always follow, as redirect_method says
		yes("ignore_183_without_sdp", "no", boolean(func(e *ep) *bool { return &e.Ignore183WithoutSDP })),
		yes("suppress_q850_reason_headers", "no", boolean(func(e *ep) *bool { return &e.SuppressQ850Reason })),
		later("allow_unauthenticated_options", "no", "yes", "OPTIONS never needs credentials", boolean(func(e *ep) *bool { return &e.AllowUnauthOptions })),
		later("follow_early_media_fork", "yes", "yes", "early media of another branch is followed", boolean(func(e *ep) *bool { return &e.FollowEarlyMediaFork })),
		later("accept_multiple_sdp_answers", "no", "no", "a second answer in one dialog is ignored", boolean(func(e *ep) *bool { return &e.AcceptMultipleSDPAnswers })),
		own(yes("mailboxes", "", list(func(e *ep) *[]string { return &e.Mailboxes }))),
		yes("aggregate_mwi", "yes", boolean(func(e *ep) *bool { return &e.AggregateMWI })),
		yes("mwi_subscribe_replaces_unsolicited", "no", boolean(func(e *ep) *bool { return &e.MWISubscribeReplaces })),
		yes("mwi_from_user", "", str(func(e *ep) *string { return &e.MWIFromUser })),
		yes("incoming_mwi_mailbox", "", str(func(e *ep) *string { return &e.IncomingMWIMailbox })),
		yes("voicemail_extension", "", str(func(e *ep) *string { return &e.VoicemailExtension })),
		later[ep]("security_negotiation", "no", "no", "no security agreement is made", nil),
		later[ep]("security_mechanisms", "", "", "no security agreement is made", nil),
	}
}

func endpointChannel() []option[ep] {
	return []option[ep]{
		own(yes("accountcode", "", str(func(e *ep) *string { return &e.AccountCode }))),
		yes("language", "", str(func(e *ep) *string { return &e.Language })),
		later("tone_zone", "", "", "tones are those of ITU-T E.180 as used in the USA", str(func(e *ep) *string { return &e.ToneZone })),
		own(yes("set_var", "", setVar)),
		yes("call_group", "", list(func(e *ep) *[]string { return &e.CallGroup })),
		yes("pickup_group", "", list(func(e *ep) *[]string { return &e.PickupGroup })),
		yes("named_call_group", "", list(func(e *ep) *[]string { return &e.NamedCallGroup })),
		yes("named_pickup_group", "", list(func(e *ep) *[]string { return &e.NamedPickupGroup })),
		yes("tenantid", "", str(func(e *ep) *string { return &e.TenantID })),
		yes("one_touch_recording", "no", boolean(func(e *ep) *bool { return &e.OneTouchRecord })),
		yes("record_on_feature", "automixmon", str(func(e *ep) *string { return &e.RecordOn })),
		yes("record_off_feature", "automixmon", str(func(e *ep) *string { return &e.RecordOff })),
		yes("t38_udptl", "no", boolean(func(e *ep) *bool { return &e.T38 })),
		yes("t38_udptl_ec", "none", choice(func(e *ep) *string { return &e.T38EC }, "none", "fec", "redundancy")),
		yes("t38_udptl_maxdatagram", "0", whole(func(e *ep) *int { return &e.T38MaxDatagram }, 0, 1400)),
		yes[ep]("t38_udptl_nat", "no", nil),  // NAT is handled without settings
		yes[ep]("t38_udptl_ipv6", "no", nil), // the family is the signalling's
		yes("t38_bind_udptl_to_media_address", "no", boolean(func(e *ep) *bool { return &e.T38BindToMediaAddress })),
		later("fax_detect", "no", "no", "fax tones are not listened for", boolean(func(e *ep) *bool { return &e.FaxDetect })),
		later[ep]("fax_detect_timeout", "0", "0", "fax tones are not listened for", nil),
		foreign[ep]("rtp_engine", "asterisk"),
	}
}

// setVar reads NAME=VALUE and keeps all lines.
func setVar(e *ep, v string) error {
	if !strings.Contains(v, "=") {
		return fmt.Errorf("%q is not NAME=VALUE", v)
	}
	e.SetVar = append(e.SetVar, v)
	return nil
}
