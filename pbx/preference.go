package pbx

import (
	"strings"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sdp"
)

// This file is what an endpoint's options say of descriptions: whose codecs come
// first, and how we sign.

// sign fills in what identifies our descriptions (sdp_owner, sdp_session). Asterisk's
// defaults stand for ours.
func sign(l *sdp.Local, e *pjsip.Endpoint) {
	l.Username = "hometone"
	if e.SDPOwner != "-" {
		l.Username = e.SDPOwner
	}
	if e.SDPSession != "Asterisk" {
		l.Name = e.SDPSession
	}
}

// answering is how an offer of the endpoint is answered: in whose order
// (incoming_call_offer_pref, codec_prefs_incoming_offer), and with one codec only
// (preferred_codec_only, or …_first).
func answering(l *sdp.Local, e *pjsip.Endpoint) {
	pref := e.IncomingOfferPref
	l.Prefer = sdp.PreferLocal
	if strings.HasPrefix(pref, "remote") {
		l.Prefer = sdp.PreferRemote
	}
	l.Single = e.PreferredCodecOnly || strings.HasSuffix(pref, "_first")
}

// offering are the codecs of an offer to the endpoint, out of names, its own, and
// first, those of the caller (outgoing_call_offer_pref, codec_prefs_outgoing_offer).
func offering(e *pjsip.Endpoint, names []string, first []sdp.Format) []sdp.Codec {
	pref := e.OutgoingOfferPref
	if len(first) == 0 || pref == "" || pref == "remote_merge" {
		return codecsOf(names, sdp.Audio, first)
	}
	order := first
	if strings.HasPrefix(pref, "local") {
		order = nil
	}
	list := codecsOf(names, sdp.Audio, order)
	if strings.HasSuffix(pref, "_merge") {
		return list
	}
	var common []sdp.Codec
	for _, c := range list {
		for i := range first {
			if first[i].Same(c) {
				common = append(common, c)
				break
			}
		}
	}
	switch {
	case len(common) == 0:
		return list // nothing in common: the relay translates
	case strings.HasSuffix(pref, "_first"):
		return common[:1]
	}
	return common
}
