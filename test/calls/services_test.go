package calls_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hometone/hometone/test/live"
)

// said runs an extension that hangs up and returns what its h wrote into the
// record.
func said(t *testing.T, h *house, caller *peer, number string) string {
	t.Helper()
	before := len(h.readRecords())
	out := caller.call(number, caller.describe(""))
	out.answered("extension " + number)
	out.hungUp("extension " + number)
	list := h.settled()
	if len(list) != before+1 {
		t.Fatalf("extension %s leaves %d records, want one", number, len(list)-before)
	}
	return list[before].field
}

const servicesPlan = `
exten => 1,1,Answer()
same => n,Set(DB(cfwd/8005)=200)
same => n,Set(DB(cfwd/8006)=with, a comma)
same => n,Set(DB(cfwd/empty)=)
same => n,Set(DB(other/x)=1)
same => n,Set(CDR(userfield)=${DB(cfwd/8005)} ${DB_KEYS(cfwd)} ${DB_EXISTS(cfwd/empty)})
same => n,Hangup()
exten => 2,1,Answer()
same => n,Set(CDR(userfield)=${DB(cfwd/8005)}|${DB(cfwd/8006)}|${DB_EXISTS(cfwd/empty)}|${DB_KEYCOUNT()})
same => n,Hangup()
exten => 3,1,Answer()
same => n,DBdel(other/x)
same => n,DBdeltree(cfwd)
same => n,Set(CDR(userfield)=${DB_KEYCOUNT()} left)
same => n,Hangup()
exten => 4,1,Set(GROUP()=lines)
same => n,Set(SHARED(note)=of ${CHANNEL})
same => n,Set(GLOBAL(LAST)=${CHANNEL})
same => n,Answer()
same => n,Wait(30)
exten => 5,1,Answer()
same => n,Set(GROUP(kind)=short)
same => n,Set(CDR(userfield)=${GROUP_COUNT(lines)} ${GROUP_COUNT(short@kind)} ${SHARED(note,${LAST})} ${DEVICE_STATE(PJSIP/8005)} ${DEVICE_STATE(PJSIP/8006)} ${DEVICE_STATE(PJSIP/8007)} ${EXTENSION_STATE(8005)} ${DEVICE_STATE(Custom:night)})
same => n,Hangup()
exten => 6,1,Answer()
same => n,Set(DEVICE_STATE(Custom:night)=INUSE)
same => n,Set(CDR(userfield)=${DEVICE_STATE(Custom:night)} ${EXTENSION_STATE(night)})
same => n,Hangup()
exten => 8005,hint,PJSIP/8005
exten => night,hint,Custom:night
exten => 9,1,Answer()
same => n,Set(CDR(userfield)=${ASTDATADIR} ${SYSTEMNAME} ${OFFICE})
same => n,Hangup()
`

// What calls share is there in a running node, and what is kept is there after
// a restart: DB(), GROUP(), SHARED(), GLOBAL(), DEVICE_STATE(), EXTENSION_STATE().
func TestServices(t *testing.T) {
	port := live.FreePort(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pjsip.conf":      endpoints(port, "", "8005", "8006", "8007"),
		"extensions.conf": "[globals]\nOFFICE=Riga\n[calls]\n" + servicesPlan,
		"asterisk.conf":   "[directories]\nastdatadir => /srv/prompts\n[options]\nsystemname = north\n",
	} {
		live.Write(t, filepath.Join(dir, "asterisk", name), text)
	}
	h := run(t, dir, filepath.Join(dir, "asterisk"), port)
	caller, long := h.registered("8005"), h.registered("8006")
	for _, c := range []struct{ number, want string }{
		{"1", "200 8005,8006,empty 1"},
		{"2", "200|with, a comma|1|4"},
		{"6", "INUSE INUSE"},
		{"9", "/srv/prompts north Riga"},
	} {
		if got := said(t, h, caller, c.number); got != c.want {
			t.Errorf("extension %s says %q, want %q", c.number, got, c.want)
		}
	}

	other := long.call("4", long.describe(""))
	other.answered("the long call")
	out := caller.call("5", caller.describe(""))
	out.answered("the short call")
	out.hungUp("the short call")
	other.bye()
	list := h.settled()
	got := list[len(list)-2].field + list[len(list)-1].field
	if !strings.HasPrefix(got, "1 1 of PJSIP/8006-") || !strings.HasSuffix(got, " INUSE INUSE UNAVAILABLE INUSE INUSE") {
		t.Errorf("a call beside another one sees %q", got)
	}
	if got := said(t, h, caller, "5"); !strings.HasPrefix(got, "0 1  INUSE NOT_INUSE ") {
		t.Errorf("a channel that has gone leaves groups or variables behind: %q", got)
	}

	h.Stop()
	h = run(t, dir, filepath.Join(dir, "asterisk"), port)
	caller = h.registered("8005")
	if got := said(t, h, caller, "2"); got != "200|with, a comma|1|5" {
		t.Errorf("after a restart the database says %q", got)
	}
	if got := said(t, h, caller, "5"); !strings.HasSuffix(got, " INUSE") {
		t.Errorf("after a restart the custom device is %q", got)
	}
	if got := said(t, h, caller, "3"); got != "1 left" { // the custom device's
		t.Errorf("after DBdeltree: %q", got)
	}
	h.Stop()
	h = run(t, dir, filepath.Join(dir, "asterisk"), port)
	if got := said(t, h, h.registered("8005"), "2"); got != "||0|1" {
		t.Errorf("what was forgotten is back after a restart: %q", got)
	}
}

// Loops and branches run in a call as they are written.
func TestLoopsInACall(t *testing.T) {
	h := open(t, "", `exten => 1,1,Answer()
same => n,Set(N=0)
same => n,While($[${N} < 10])
same => n,Set(N=${INC(N)})
same => n,ExecIf($[${N} = 2]?ContinueWhile())
same => n,Set(SEEN=${SEEN}${N})
same => n,ExecIf($[${N} = 4]?ExitWhile())
same => n,EndWhile()
same => n,If($[${N} = 5])
same => n,Set(SEEN=${SEEN} five)
same => n,ElseIf($[${N} = 4])
same => n,Set(SEEN=${SEEN} four)
same => n,Else()
same => n,Set(SEEN=${SEEN} other)
same => n,EndIf()
same => n,ExecIfTime(*,*,*,*?Set(SEEN=${SEEN} now))
same => n,Set(CDR(userfield)=${SEEN})
same => n,Hangup()
`)
	if got := said(t, h, h.registered("8005"), "1"); got != "134 four now" {
		t.Errorf("the loop says %q", got)
	}
}
