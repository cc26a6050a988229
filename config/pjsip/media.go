package pjsip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

func endpointMedia() []option[ep] {
	return []option[ep]{
		yes("allow", "", allow(true)),
		yes("disallow", "", allow(false)),
		yes("dtmf_mode", "rfc4733", choice(func(e *ep) *string { return &e.DTMFMode }, "rfc4733", "inband", "info", "auto", "auto_info", "none")),
		yes("direct_media", "yes", boolean(func(e *ep) *bool { return &e.DirectMedia })),
		yes("direct_media_method", "invite", choice(func(e *ep) *string { return &e.DirectMediaMethod }, "invite", "reinvite=invite", "update")),
		yes("direct_media_glare_mitigation", "none", choice(func(e *ep) *string { return &e.DirectMediaGlare }, "none", "outgoing", "incoming")),
		yes("disable_direct_media_on_nat", "no", boolean(func(e *ep) *bool { return &e.NoDirectMediaOnNAT })),
		yes("rtp_symmetric", "no", boolean(func(e *ep) *bool { return &e.RTPSymmetric })),
		yes("rtp_ipv6", "no", boolean(func(e *ep) *bool { return &e.RTPIPv6 })),
		yes("media_address", "", mediaAddress),
		yes("bind_rtp_to_media_address", "no", boolean(func(e *ep) *bool { return &e.BindRTPToMediaAddress })),
		yes("use_ptime", "no", boolean(func(e *ep) *bool { return &e.UsePtime })),
		yes("rtp_keepalive", "0", seconds(func(e *ep) *time.Duration { return &e.RTPKeepalive })),
		yes("rtp_timeout", "0", seconds(func(e *ep) *time.Duration { return &e.RTPTimeout })),
		yes("rtp_timeout_hold", "0", seconds(func(e *ep) *time.Duration { return &e.RTPTimeoutHold })),
		later("asymmetric_rtp_codec", "no", "no", "one codec is used both ways", boolean(func(e *ep) *bool { return &e.AsymmetricCodec })),
		yes("preferred_codec_only", "no", boolean(func(e *ep) *bool { return &e.PreferredCodecOnly })),
		yes("incoming_call_offer_pref", "local", choice(func(e *ep) *string { return &e.IncomingOfferPref }, "local", "local_first", "remote", "remote_first")),
		yes("outgoing_call_offer_pref", "remote_merge",
			choice(func(e *ep) *string { return &e.OutgoingOfferPref }, "local", "local_merge", "local_first", "remote", "remote_merge", "remote_first")),
		yes("codec_prefs_incoming_offer", "", codecPrefs(func(e *ep) *string { return &e.IncomingOfferPref }, "remote", "local", "remote_first", "local_first")),
		yes("codec_prefs_outgoing_offer", "", codecPrefs(func(e *ep) *string { return &e.OutgoingOfferPref }, "remote_merge", "local_merge", "remote_first", "local_first")),
		later[ep]("codec_prefs_incoming_answer", "", "", "the first common codec is used", nil),
		later[ep]("codec_prefs_outgoing_answer", "", "", "the first common codec is used", nil),
		yes("max_audio_streams", "1", whole(func(e *ep) *int { return &e.MaxAudioStreams }, 0, 1<<16)),
		yes("max_video_streams", "1", whole(func(e *ep) *int { return &e.MaxVideoStreams }, 0, 1<<16)),
		later[ep]("g726_non_standard", "no", "no", "G.726 is not offered", nil),
		yes("sdp_owner", "-", str(func(e *ep) *string { return &e.SDPOwner })),
		yes("sdp_session", "Asterisk", str(func(e *ep) *string { return &e.SDPSession })),
		yes("tos_audio", "0", tos(func(e *ep) *int { return &e.TOSAudio })),
		yes("tos_video", "0", tos(func(e *ep) *int { return &e.TOSVideo })),
		yes("cos_audio", "0", cos(func(e *ep) *int { return &e.COSAudio })),
		yes("cos_video", "0", cos(func(e *ep) *int { return &e.COSVideo })),
		yes("moh_suggest", "default", str(func(e *ep) *string { return &e.MusicOnHold })),
		yes("moh_passthrough", "no", boolean(func(e *ep) *bool { return &e.MOHPassthrough })),
		yes("suppress_moh_on_sendonly", "no", boolean(func(e *ep) *bool { return &e.SuppressMOHOnSendonly })),
	}
}

// codecPrefs reads "prefer: pending|configured, operation: …, keep: all|first,
// transcode: …" as one of the words of …_call_offer_pref: pending or configured, and
// the same with keep: first.
func codecPrefs(field func(*ep) *string, pending, configured, pendingFirst, configuredFirst string) setter[ep] {
	return func(e *ep, v string) error {
		own, first := false, false
		for _, item := range commaList(v) {
			name, value, ok := strings.Cut(item, ":")
			value = strings.ToLower(strings.TrimSpace(value))
			words := map[string][]string{
				"prefer": {"pending", "configured"}, "operation": {"intersect", "union", "only_preferred", "only_nonpreferred"},
				"keep": {"all", "first"}, "transcode": {"allow", "prevent"},
			}[strings.ToLower(strings.TrimSpace(name))]
			if !ok || !slices.Contains(words, value) {
				return fmt.Errorf("%q is not prefer: pending, operation: intersect, keep: all or transcode: allow", item)
			}
			own, first = own || value == "configured", first || value == "first"
		}
		switch {
		case own && first:
			*field(e) = configuredFirst
		case own:
			*field(e) = configured
		case first:
			*field(e) = pendingFirst
		case v != "":
			*field(e) = pending
		}
		return nil
	}
}

func mediaAddress(e *ep, v string) error {
	addr, err := netip.ParseAddr(strings.Trim(v, "[]"))
	if err != nil {
		return fmt.Errorf("%q is not an IP address", v)
	}
	e.MediaAddress = addr
	return nil
}

// endpointSecurity are the options of ICE, DTLS, SRTP and WebRTC.
func endpointSecurity() []option[ep] {
	const (
		noICE  = "addresses are not tested by ICE"
		noSRTP = "media goes unencrypted"
	)
	return []option[ep]{
		later("ice_support", "no", "no", noICE, boolean(func(e *ep) *bool { return &e.ICE })),
		later("webrtc", "no", "no", "browsers cannot exchange media with this endpoint", boolean(func(e *ep) *bool { return &e.WebRTC })),
		yes("rtcp_mux", "no", boolean(func(e *ep) *bool { return &e.RTCPMux })),
		later("bundle", "no", "no", "each stream has its port", boolean(func(e *ep) *bool { return &e.Bundle })),
		yes("use_avpf", "no", boolean(func(e *ep) *bool { return &e.AVPF })),
		yes("force_avp", "no", boolean(func(e *ep) *bool { return &e.ForceAVP })),
		yes("media_use_received_transport", "no", boolean(func(e *ep) *bool { return &e.UseReceivedTransport })),
		later("media_encryption", "no", "no", noSRTP, flag(func(e *ep) *string { return &e.MediaEncryption }, "no", "sdes", "dtls", "dtls_sdes=dtls")),
		later("media_encryption_optimistic", "no", "no", noSRTP, boolean(func(e *ep) *bool { return &e.EncryptionOptimistic })),
		later("srtp_tag_32", "no", "no", noSRTP, boolean(func(e *ep) *bool { return &e.SRTPTag32 })),
		later("dtls_verify", "no", "no", noSRTP, flag(func(e *ep) *string { return &e.DTLS.Verify }, "no", "fingerprint", "certificate", "yes")),
		later("dtls_rekey", "0", "0", noSRTP, seconds(func(e *ep) *time.Duration { return &e.DTLS.Rekey })),
		later("dtls_auto_generate_cert", "no", "no", noSRTP, boolean(func(e *ep) *bool { return &e.DTLS.AutoCert })),
		later("dtls_cert_file", "", "", noSRTP, str(func(e *ep) *string { return &e.DTLS.CertFile })),
		later("dtls_private_key", "", "", noSRTP, str(func(e *ep) *string { return &e.DTLS.PrivateKey })),
		later("dtls_cipher", "", "", noSRTP, str(func(e *ep) *string { return &e.DTLS.Cipher })),
		later("dtls_ca_file", "", "", noSRTP, str(func(e *ep) *string { return &e.DTLS.CAFile })),
		later("dtls_ca_path", "", "", noSRTP, str(func(e *ep) *string { return &e.DTLS.CAPath })),
		later("dtls_setup", "", "", noSRTP, choice(func(e *ep) *string { return &e.DTLS.Setup }, "active", "passive", "actpass")),
		later("dtls_fingerprint", "SHA-256", "SHA-256", noSRTP, choice(func(e *ep) *string { return &e.DTLS.Fingerprint }, "SHA-256", "SHA-1")),
	}
}
