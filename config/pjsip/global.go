package pjsip

import (
	"time"
)

// Global is type=global.
type Global struct {
	Object
	UserAgent                string // "" = ours
	MaxForwards              int
	KeepAlive                time.Duration // to connections; 0 = none
	DefaultRealm             string
	DefaultFromUser          string
	DefaultOutboundEndpoint  string
	NoInitialMWI             bool // mwi_disable_initial_unsolicited
	DefaultVoicemail         string
	EndpointIdentifierOrder  []string
	AlgorithmsUAS            []string
	AlgorithmsUAC            []string
	DisableMultiDomain       bool
	MaxInitialQualifyTime    time.Duration
	IgnoreURIUserOptions     bool
	UseCallerIDContact       bool
	NoReferSub               bool
	AllowSending180After183  bool
	AllCodecsOnEmptyReinvite bool
	RegContext               string
}

// globalTable lists every option of type=global.
func globalTable() table[Global] {
	type g = Global
	return table[g]{kind: "global", options: []option[g]{
		yes("user_agent", "", str(func(o *g) *string { return &o.UserAgent })),
		yes("max_forwards", "70", whole(func(o *g) *int { return &o.MaxForwards }, 1, 255)),
		later("keep_alive_interval", "90", "90", "the interval is ours", seconds(func(o *g) *time.Duration { return &o.KeepAlive })),
		yes("default_realm", "asterisk", str(func(o *g) *string { return &o.DefaultRealm })),
		yes("default_from_user", "asterisk", str(func(o *g) *string { return &o.DefaultFromUser })),
		yes("default_outbound_endpoint", "default_outbound_endpoint", str(func(o *g) *string { return &o.DefaultOutboundEndpoint })),
		yes("default_voicemail_extension", "", str(func(o *g) *string { return &o.DefaultVoicemail })),
		yes("endpoint_identifier_order", "ip,username,anonymous", list(func(o *g) *[]string { return &o.EndpointIdentifierOrder })),
		yes("default_auth_algorithms_uas", "MD5", algorithms(func(o *g) *[]string { return &o.AlgorithmsUAS })),
		later("default_auth_algorithms_uac", "", "", "the strongest algorithm of the server's is used", algorithms(func(o *g) *[]string { return &o.AlgorithmsUAC })),
		later("disable_multi_domain", "no", "yes", "endpoints are found by user name", boolean(func(o *g) *bool { return &o.DisableMultiDomain })),
		yes("max_initial_qualify_time", "0", seconds(func(o *g) *time.Duration { return &o.MaxInitialQualifyTime })),
		yes("ignore_uri_user_options", "no", boolean(func(o *g) *bool { return &o.IgnoreURIUserOptions })),
		yes("use_callerid_contact", "no", boolean(func(o *g) *bool { return &o.UseCallerIDContact })),
		yes("norefersub", "yes", boolean(func(o *g) *bool { return &o.NoReferSub })),
		yes("allow_sending_180_after_183", "no", boolean(func(o *g) *bool { return &o.AllowSending180After183 })),
		yes("all_codecs_on_empty_reinvite", "no", boolean(func(o *g) *bool { return &o.AllCodecsOnEmptyReinvite })),
		later("regcontext", "", "", "registering makes no extension", str(func(o *g) *string { return &o.RegContext })),
		elsewhere[g]("debug", "no", "use hometone trace"),
		elsewhere[g]("unidentified_request_count", "5", "who is not known is challenged and gets no further; strangers who insist are banned"),
		elsewhere[g]("unidentified_request_period", "5", "who is not known is challenged and gets no further; strangers who insist are banned"),
		elsewhere[g]("unidentified_request_prune_interval", "30", "who is not known is challenged and gets no further; strangers who insist are banned"),
		yes("mwi_disable_initial_unsolicited", "no", boolean(func(o *g) *bool { return &o.NoInitialMWI })),
		elsewhere[g]("send_contact_status_on_update_registration", "no", "there is no manager interface that could be told"),
		foreign[g]("contact_expiration_check_interval", "30"),
		foreign[g]("mwi_tps_queue_high", "500"),
		foreign[g]("mwi_tps_queue_low", "-1"),
		foreign[g]("taskprocessor_overload_trigger", "global"),
	}}
}

// System is type=system.
type System struct {
	Object
	TimerT1                  time.Duration // RFC 3261 §17.1.1.1
	TimerB                   time.Duration // RFC 3261 §17.1.1.2
	CompactHeaders           bool
	DisableTCPSwitch         bool // stay on UDP where RFC 3261 §18.1.1 asks for TCP
	DisableRport             bool
	FollowEarlyMediaFork     bool
	AcceptMultipleSDPAnswers bool
}

// systemTable lists every option of type=system.
func systemTable() table[System] {
	type s = System
	return table[s]{kind: "system", options: []option[s]{
		yes("timer_t1", "500", milliseconds(func(o *s) *time.Duration { return &o.TimerT1 })),
		yes("timer_b", "32000", milliseconds(func(o *s) *time.Duration { return &o.TimerB })),
		later("compact_headers", "no", "no", "headers are written in full", boolean(func(o *s) *bool { return &o.CompactHeaders })),
		yes("disable_tcp_switch", "yes", boolean(func(o *s) *bool { return &o.DisableTCPSwitch })),
		later("disable_rport", "no", "no", "rport is always asked for", boolean(func(o *s) *bool { return &o.DisableRport })),
		later("follow_early_media_fork", "yes", "yes", "early media of another branch is followed", boolean(func(o *s) *bool { return &o.FollowEarlyMediaFork })),
		later("accept_multiple_sdp_answers", "no", "no", "a second answer in one dialog is ignored", boolean(func(o *s) *bool { return &o.AcceptMultipleSDPAnswers })),
		foreign[s]("taskpool_minimum_size", "4"),
		foreign[s]("taskpool_initial_size", "4"),
		foreign[s]("taskpool_auto_increment", "1"),
		foreign[s]("taskpool_idle_timeout", "60"),
		foreign[s]("taskpool_max_size", "50"),
		foreign[s]("threadpool_initial_size", "4"),
		foreign[s]("threadpool_auto_increment", "1"),
		foreign[s]("threadpool_idle_timeout", "60"),
		foreign[s]("threadpool_max_size", "50"),
	}}
}
