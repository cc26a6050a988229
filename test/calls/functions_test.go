package calls_test

import (
	"strings"
	"testing"
)

// The functions of the channel answer in a call what Asterisk documents, each
// extension writing what it reads into the record.
func TestChannelFunctions(t *testing.T) {
	cases := []struct{ set, read, want string }{
		{"CALLERID(all)=Ann Lee <123>", "${CALLERID(name)}/${CALLERID(num)}/${CALLERID(all)}", `Ann Lee/123/"Ann Lee" <123>`},
		{"CALLERID(pres)=prohib", "${CALLERID(pres)} ${CALLERID(num-pres)} ${CALLERID(num-valid)}", "prohib prohib 1"},
		{"CALLERID(tag)=blue", "${CALLERID(tag)}${CALLERID(dnid)}", "blue3"},
		{"CONNECTEDLINE(name,i)=Zoe", "${CONNECTEDLINE(name)}", "Zoe"},
		{"REDIRECTING(from-num,i)=77", "${REDIRECTING(from-num)} ${CALLERID(rdnis)}", "77 77"},
		{"REDIRECTING(reason)=cfb", "${REDIRECTING(reason)}", "cfb"},
		{"TIMEOUT(digit)=2.5", "${TIMEOUT(digit)} ${TIMEOUT(response)} ${TIMEOUT(absolute)}", "2.500 10.000 0"},
		{"CDR(accountcode)=acct", "${CDR(accountcode)} ${CHANNEL(accountcode)} ${CDR(dcontext)} ${CDR(disposition)}", "acct acct calls ANSWERED"},
		{"CDR(amaflags)=2", "${CDR(amaflags)} ${CDR(amaflags,u)} ${CDR(disposition,u)}", "BILLING 2 8"},
		{"CDR(mine)=own", "${CDR(mine)}", "own"},
		{"CHANNEL(language)=zh", "${CHANNEL(language)} ${CHANNEL(state)} ${CHANNEL(exten)} ${CHANNEL(channeltype)} ${CHANNEL(endpoint)}", "zh Up 11 PJSIP 8005"},
		{"VOLUME(TX)=3", "${VOLUME(TX)}", "3"},
		{"JITTERBUFFER(adaptive)=default", "${JITTERBUFFER(adaptive)}", "default"},
		{"X=1", "${IMPORT(${CHANNEL},X)}${MASTER_CHANNEL(X)}${CHANNEL_EXISTS(${CHANNEL})}${CHANNEL_EXISTS(none)}", "1110"},
		{"X=1", "${PJSIP_AOR(8005,max_contacts)} ${PJSIP_ENDPOINT(8005,context)} ${PJSIP_ENDPOINT(8005,allow)}", "3 calls (ulaw)"},
		{"X=1", "${PJSIP_HEADER(read,Max-Forwards)} ${PJSIP_HEADER_PARAM(From,uri,none)}${PJSIP_HEADERS(Max)}", "70 Max-Forwards"},
		{"X=1", "${PJSIP_MEDIA_OFFER(audio)} ${PJSIP_DTMF_MODE()}", "(ulaw) rfc4733"},
		{"X=\"Bob\" <sip:bob@example.org:5070\\;transport=tcp>", "${PJSIP_PARSE_URI_FROM(X,user)} ${PJSIP_PARSE_URI_FROM(X,port)} ${PJSIP_PARSE_URI_FROM(X,transport_param)} ${PJSIP_PARSE_URI_FROM(X,display)}", "bob 5070 tcp Bob"},
		{"X=1", "${DIALPLAN_EXISTS(calls,1,1)}${VALID_EXTEN(calls,none,1)}", "10"},
	}
	var plan strings.Builder
	for i, c := range cases {
		number := string(rune('0'+(i+1)/10)) + string(rune('0'+(i+1)%10))
		number = strings.TrimPrefix(number, "0")
		plan.WriteString("exten => " + number + ",1,Answer()\nsame => n,Set(" + c.set + ")\nsame => n,Set(CDR(userfield)=" + c.read + ")\nsame => n,Hangup()\n")
	}
	h := open(t, "", plan.String())
	caller := h.registered("8005")
	for i, c := range cases {
		number := strings.TrimPrefix(string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10)), "0")
		if got := said(t, h, caller, number); got != c.want {
			t.Errorf("%s: after Set(%s), %s is %q, want %q", number, c.set, c.read, got, c.want)
		}
	}
}

// Hangup handlers run after h, the latest first, with their arguments.
func TestHangupHandlers(t *testing.T) {
	h := open(t, "", `exten => 1,1,Answer()
same => n,Set(CHANNEL(hangup_handler_push)=last,1(a))
same => n,Set(CHANNEL(hangup_handler_push)=last,1(b))
same => n,Hangup()
exten => h,1,Set(CDR(userfield)=h)
exten => last,1,Set(CDR(userfield)=${CDR(userfield)}${ARG1})
same => n,Return()
`)
	if got := said(t, h, h.registered("8005"), "1"); got != "hba" {
		t.Errorf("the handlers wrote %q, want h first, then the latest", got)
	}
}
