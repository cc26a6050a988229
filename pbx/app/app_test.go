package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/pbx/voicemail"
	"github.com/hometone/hometone/sdp"
)

// story is a pbx.Channel that writes down what an application does to it.
type story struct {
	lines    []string
	vars     map[string]string
	answered bool
	missing  map[string]bool // sound files that are not there
	keys     []rune          // what the caller presses
	gone     bool
}

func (s *story) note(format string, args ...any) error {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
	if s.gone {
		return pbx.ErrHangup
	}
	return nil
}

func (s *story) Name() string           { return "PJSIP/8005-00000001" }
func (s *story) Get(name string) string { return s.vars[name] }
func (s *story) Set(name, value string) error {
	if s.vars == nil {
		s.vars = map[string]string{}
	}
	s.vars[name] = value
	return nil
}
func (s *story) Answered() bool { return s.answered }
func (s *story) Answer(context.Context) error {
	s.answered = true
	return s.note("answer")
}
func (s *story) Indicate(_ context.Context, what pbx.Indication) error {
	return s.note("indicate %d", what)
}
func (s *story) Hangup(c pbx.Cause) error {
	_ = s.note("hangup %d", c)
	return pbx.ErrHangup
}
func (s *story) Wait(_ context.Context, d time.Duration) error { return s.note("wait %v", d) }
func (s *story) Digit(_ context.Context, d time.Duration) (rune, error) {
	if len(s.keys) == 0 {
		return 0, s.note("silence %v", d)
	}
	r := s.keys[0]
	s.keys = s.keys[1:]
	return r, nil
}
func (s *story) Play(_ context.Context, name, stop string) (rune, error) {
	if s.missing[name] {
		return 0, errors.New("no such file")
	}
	return 0, s.note("play %s", name)
}
func (s *story) Echo(context.Context) error { return s.note("echo") }

func (s *story) StreamEcho(_ context.Context, n int, kind sdp.Kind) error {
	return s.note("echo %d %s", n, kind)
}
func (s *story) SendDigits(_ context.Context, digits string, hold, gap time.Duration) error {
	return s.note("keys %s %v %v", digits, hold, gap)
}
func (s *story) Dial(_ context.Context, r *pbx.DialRequest) error {
	return s.note("dial %s %v %+v", strings.Join(r.Destinations, "&"), r.Timeout, r.Options)
}
func (s *story) StartTone(name string) error { return s.note("tone %s", name) }
func (s *story) StopTone()                   { _ = s.note("silence") }
func (s *story) Script() pbx.Script          { return s }
func (s *story) Goto(target string) error    { return s.note("goto %s", target) }
func (s *story) GotoIf(args string) error    { return s.move("gotoif %s", args) }
func (s *story) GotoIfTime(a string) error   { return s.move("gotoiftime %s", a) }
func (s *story) Gosub(target string) error   { return s.move("gosub %s", target) }
func (s *story) GosubIf(args string) error   { return s.move("gosubif %s", args) }
func (s *story) Return(value string) error   { return s.move("return %s", value) }
func (s *story) StackPop() error             { return s.move("pop%s", "") }
func (s *story) Press(digit string)          { _ = s.note("press %s", digit) }
func (s *story) Timeout(bool) bool           { _ = s.note("timeout"); return true }

func (s *story) While(c string) error                     { return s.move("while %s", c) }
func (s *story) EndWhile() error                          { return s.move("endwhile%s", "") }
func (s *story) ContinueWhile() error                     { return s.move("continuewhile%s", "") }
func (s *story) ExitWhile() error                         { return s.move("exitwhile%s", "") }
func (s *story) If(c string) error                        { return s.move("if %s", c) }
func (s *story) ElseIf(c string) error                    { return s.move("elseif %s", c) }
func (s *story) Else() error                              { return s.move("else%s", "") }
func (s *story) EndIf() error                             { return s.move("endif%s", "") }
func (s *story) ExitIf() error                            { return s.move("exitif%s", "") }
func (s *story) RaiseException(r string) error            { return s.move("raise %s", r) }
func (s *story) DBDel(args string) error                  { return s.move("dbdel %s", args) }
func (s *story) DBDelTree(args string) error              { return s.move("dbdeltree %s", args) }
func (s *story) ChooseIf(args string) (string, error)     { return plain().ChooseIf(args) }
func (s *story) ChooseIfTime(args string) (string, error) { return plain().ChooseIfTime(args) }

// plain is an interpreter for what needs no plan, on a Wednesday at noon.
func plain() *dialplan.Interpreter {
	return dialplan.New(dialplan.Config{Now: func() time.Time { return time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC) }})
}

func (s *story) move(format, args string) error {
	if strings.Contains(args, "nowhere") {
		return errors.New("no such place")
	}
	return s.note(format, args)
}
func (s *story) Exec(ctx context.Context, name, args string) error {
	for _, a := range All() {
		if strings.EqualFold(a.Name, name) {
			return a.Run(ctx, s, args)
		}
	}
	return fmt.Errorf("%w: %q", pbx.ErrNoApp, name)
}
func (s *story) Redirect(_ context.Context, to string) error { return s.note("redirect %s", to) }
func (s *story) SendMessage(_ context.Context, destination, from, to string) (string, error) {
	return "SUCCESS", s.note("message %s %s %s", destination, from, to)
}
func (s *story) SendText(_ context.Context, t pbx.Text) error {
	return s.note("text %s %s", t.ContentType, t.Body)
}
func (s *story) Studio() pbx.Studio { return s }

func (s *story) Voicemail() *voicemail.Office { return nil }
func (s *story) PlayFrom(_ context.Context, name string, from time.Duration, stop string) (rune, time.Duration, error) {
	if len(s.keys) > 0 {
		key := s.keys[0]
		s.keys = s.keys[1:]
		return key, from + time.Second, s.note("play %s from %v", name, from)
	}
	return 0, from + time.Second, s.note("play %s from %v", name, from)
}
func (s *story) Record(_ context.Context, r pbx.RecordRequest) (pbx.Recorded, error) {
	return pbx.Recorded{Length: time.Second, Key: '#'}, s.note("record %+v", r)
}
func (s *story) Monitor(r pbx.MonitorRequest) (string, error) { return "0x1", s.note("monitor %+v", r) }
func (s *story) StopMonitor(id string)                        { _ = s.note("stop monitor %s", id) }
func (s *story) StartMusic(class string)                      { _ = s.note("music %s", class) }
func (s *story) Attend(_ context.Context, r pbx.AttendRequest) (rune, error) {
	r.Heard(true, time.Hour)
	return 0, s.note("attend %s", r.Play)
}
func (s *story) Spy(_ context.Context, r pbx.SpyRequest) error {
	r.Announce, r.Exited = nil, nil
	return s.note("spy %+v", r)
}
func (s *story) SoundPath(name string) (string, error) { return "/sounds/" + name, nil }
func (s *story) SpoolPath(folder, name string) (string, error) {
	return "/spool/" + folder + "/" + name, nil
}
func (s *story) Log() *slog.Logger { return slog.New(slog.DiscardHandler) }

var _ pbx.Channel = (*story)(nil)

// Each application does to its channel what its documentation says.
func TestApplications(t *testing.T) {
	cases := []struct {
		call string
		want []string
		vars map[string]string
		err  error
	}{
		{call: "NoOp(anything, at all)"},
		{call: "Answer()", want: []string{"answer"}},
		{call: "Answer(500)", want: []string{"answer", "wait 500ms"}},
		{call: "Hangup()", want: []string{"hangup 0"}, err: pbx.ErrHangup},
		{call: "Hangup(17)", want: []string{"hangup 17"}, err: pbx.ErrHangup},
		{call: "Hangup(USER_BUSY)", want: []string{"hangup 17"}, err: pbx.ErrHangup},
		{call: "Hangup(nonsense)", want: []string{"hangup 16"}, err: pbx.ErrHangup},
		{call: "Ringing()", want: []string{"indicate 0"}},
		{call: "Progress()", want: []string{"indicate 1"}},
		{call: "Busy(2)", want: []string{"indicate 2", "wait 2s", "hangup 17"}, err: pbx.ErrHangup},
		{call: "Congestion()", want: []string{"indicate 3", "wait -1ns", "hangup 34"}, err: pbx.ErrHangup},
		{call: "Wait(1.5)", want: []string{"wait 1.5s"}},
		{call: "Wait()"},
		{call: "Playback(a&b)", want: []string{"answer", "play a", "play b"}, vars: map[string]string{"PLAYBACKSTATUS": "SUCCESS"}},
		{call: "Playback(a,noanswer)", want: []string{"indicate 1", "play a"}, vars: map[string]string{"PLAYBACKSTATUS": "SUCCESS"}},
		{call: "Playback(a,skip)", vars: map[string]string{"PLAYBACKSTATUS": "SUCCESS"}},
		{call: "Playback(missing&a)", want: []string{"answer", "play a"}, vars: map[string]string{"PLAYBACKSTATUS": "FAILED"}},
		{call: "Echo()", want: []string{"echo"}},
		{call: "Goto(ctx,100,1)", want: []string{"goto ctx,100,1"}},
		{call: "GotoIf(1?yes:no)", want: []string{"gotoif 1?yes:no"}},
		{call: "GotoIf(1?nowhere)", want: []string{"hangup 0"}, err: pbx.ErrHangup},
		{call: "GotoIfTime(*,*,*,*?yes)", want: []string{"gotoiftime *,*,*,*?yes"}},
		{call: "Gosub(sub,1,1(a,b))", want: []string{"gosub sub,1,1(a,b)"}},
		{call: "GosubIf(1?sub,1,1)", want: []string{"gosubif 1?sub,1,1"}},
		{call: "Return(5)", want: []string{"return 5"}},
		{call: "StackPop()", want: []string{"pop"}},
		{call: "Background(menu)", want: []string{"answer", "play menu"}},
		{call: "WaitExten(2)", want: []string{"silence 2s", "timeout"}},
		{call: "Set(X=a=b)", vars: map[string]string{"X": "a=b"}},
		{call: "Set(CDR(userfield)=x)", vars: map[string]string{"CDR(userfield)": "x"}},
		{call: "MSet(A=1,B=2)", vars: map[string]string{"A": "1", "B": "2"}},
		{call: "Verbose(2,hello)"},
		{call: "Log(WARNING,hello)"},
		{call: "While($[1])", want: []string{"while $[1]"}},
		{call: "EndWhile()", want: []string{"endwhile"}},
		{call: "ContinueWhile()", want: []string{"continuewhile"}},
		{call: "ExitWhile()", want: []string{"exitwhile"}},
		{call: "If(0)", want: []string{"if 0"}},
		{call: "ElseIf(1)", want: []string{"elseif 1"}},
		{call: "Else()", want: []string{"else"}},
		{call: "EndIf()", want: []string{"endif"}},
		{call: "ExitIf()", want: []string{"exitif"}},
		{call: "RaiseException(nowhere)", want: []string{"hangup 0"}, err: pbx.ErrHangup},
		{call: "DBdel(a/b)", want: []string{"dbdel a/b"}},
		{call: "DBdeltree(a)", want: []string{"dbdeltree a"}},
		{call: "ExecIfTime(11:00-13:00,wed,*,*?Set(X=1):Set(X=2))", vars: map[string]string{"X": "1"}},
		{call: "ExecIfTime(11:00-13:00,tue,*,*?Set(X=1):Set(X=2))", vars: map[string]string{"X": "2"}},
		{call: "ExecIf(1?Set(X=1):Set(X=2))", vars: map[string]string{"X": "1"}},
		{call: "ExecIf(0?Set(X=1):Set(X=2))", vars: map[string]string{"X": "2"}},
		{call: "ExecIf(0?Set(X=1))"},
		{call: "Exec(Wait(1))", want: []string{"wait 1s"}},
		{call: "PlayTones(busy)", want: []string{"tone busy"}},
		{call: "StopPlayTones()", want: []string{"silence"}},
		{call: "Milliwatt()", want: []string{"answer", "tone milliwatt", "wait -1ns"}},
		{call: "Transfer(PJSIP/sip:a@b)", want: []string{"redirect sip:a@b"}, vars: map[string]string{"TRANSFERSTATUS": "SUCCESS"}},
		{call: "Transfer(DAHDI/1)", vars: map[string]string{"TRANSFERSTATUS": "UNSUPPORTED"}},
		{call: "MessageSend(pjsip:bob,sip:alice@h)", want: []string{"message pjsip:bob sip:alice@h "}, vars: map[string]string{"MESSAGE_SEND_STATUS": "SUCCESS"}},
		{call: "SendText(hello, you)", want: []string{"text text/plain hello, you"}, vars: map[string]string{"SENDTEXTSTATUS": "SUCCESS"}},
		{call: "UserEvent(Name,Key: value)"},
		{call: "DumpChan()"},
		{call: "TryExec(Wait(1))", want: []string{"wait 1s"}, vars: map[string]string{"TRYSTATUS": "SUCCESS"}},
		{call: "TryExec(Wait(soon))", vars: map[string]string{"TRYSTATUS": "FAILED"}},
		{call: "TryExec(Nothing())", vars: map[string]string{"TRYSTATUS": "NOAPP"}},
		{call: "WaitUntil(1)", vars: map[string]string{"WAITUNTILSTATUS": "PAST"}},
		{call: "WaitUntil(soon)", vars: map[string]string{"WAITUNTILSTATUS": "FAILURE"}},
		{call: "SayDigits(1*-)", want: []string{"answer", "play digits/1", "play digits/star", "play digits/minus"}},
		{call: "SendDTMF(12w#,100,50)", want: []string{"keys 12W# 50ms 100ms"}},
		{call: "Dial(PJSIP/8006)", want: []string{"dial PJSIP/8006 0s " + options(pbx.DialOptions{})}},
		{call: "Dial(PJSIP/8006&PJSIP/8007@t,20,rg)", want: []string{"dial PJSIP/8006&PJSIP/8007@t 20s " + options(pbx.DialOptions{Ring: true, GoOn: true})}},
		{call: "Dial(PJSIP/8006,,L(3000:1000)S(5)cCR)", want: []string{"dial PJSIP/8006 0s " +
			options(pbx.DialOptions{CallLimit: 3 * time.Second, Warn: time.Second, AnswerLimit: 5 * time.Second, Elsewhere: true, Reset: true, RingUntilMedia: true})}},
	}
	for _, c := range cases {
		s := &story{missing: map[string]bool{"missing": true}}
		name, rest, _ := strings.Cut(c.call, "(")
		err := s.Exec(context.Background(), name, strings.TrimSuffix(rest, ")"))
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.call, err, c.err)
		}
		if !reflect.DeepEqual(s.lines, c.want) {
			t.Errorf("%s does\n%q\nwant\n%q", c.call, s.lines, c.want)
		}
		if len(s.vars)+len(c.vars) > 0 && !reflect.DeepEqual(s.vars, c.vars) {
			t.Errorf("%s sets %v, want %v", c.call, s.vars, c.vars)
		}
	}
}

func options(o pbx.DialOptions) string { return fmt.Sprintf("%+v", o) }

// What cannot be right is an error, not silence.
func TestMistakes(t *testing.T) {
	for _, call := range []string{"Set(nothing)", "Wait(soon)", "SendDTMF(x)", "ExecIf(1?Set(X=1)", "Exec(Nothing())"} {
		name, rest, _ := strings.Cut(call, "(")
		if err := new(story).Exec(context.Background(), name, strings.TrimSuffix(rest, ")")); err == nil {
			t.Errorf("%s: no error", call)
		}
	}
}

// Read collects keys until # or the wanted number.
func TestRead(t *testing.T) {
	cases := []struct {
		keys, args, value, status string
	}{
		{"123#", "X", "123", "OK"},
		{"1234", "X,,3", "123", "OK"},
		{"", "X,prompt", "", "TIMEOUT"},
		{"#", "X", "", "OK"},
		{"", "X,,,s", "", "SKIPPED"},
	}
	for _, c := range cases {
		s := &story{keys: []rune(c.keys)}
		if err := s.Exec(context.Background(), "Read", c.args); err != nil {
			t.Errorf("Read(%s): %v", c.args, err)
		}
		if s.vars["X"] != c.value || s.vars["READSTATUS"] != c.status {
			t.Errorf("Read(%s) with %q gives %q %s, want %q %s", c.args, c.keys, s.vars["X"], s.vars["READSTATUS"], c.value, c.status)
		}
	}
}

// The table is in order, has no name twice, and every line is documented.
func TestTable(t *testing.T) {
	last := ""
	for _, a := range All() {
		if strings.ToLower(a.Name) <= last {
			t.Errorf("%s is out of order or twice in the table", a.Name)
		}
		last = strings.ToLower(a.Name)
		if a.Run == nil || !strings.HasSuffix(a.Doc, ".") {
			t.Errorf("%s lacks its function or its sentence", a.Name)
		}
	}
}

// Authenticate lets a right password through within three attempts, and hangs
// up after them; without a password nobody gets through.
func TestAuthenticate(t *testing.T) {
	for _, c := range []struct {
		keys, args string
		db         map[string]string
		ends       bool
		account    string
	}{
		{"1234#", "1234", nil, false, ""},
		{"1#2#1234#", "1234", nil, false, ""},
		{"1#2#3#", "1234", nil, true, ""},
		{"1234", "1234,a,4", nil, false, "1234"},
		{"77#", "/pins,d", map[string]string{"DB_EXISTS(pins/77)": "1"}, false, ""},
		{"78#78#78#", "/pins,d", map[string]string{"DB_EXISTS(pins/77)": "1"}, true, ""},
		{"", "", nil, true, ""},
	} {
		s := &story{keys: []rune(c.keys), vars: map[string]string{}, answered: true}
		for k, v := range c.db {
			s.vars[k] = v
		}
		err := s.Exec(context.Background(), "Authenticate", c.args)
		if ended := err != nil; ended != c.ends {
			t.Errorf("Authenticate(%s) with %q ends the call: %v (%v), want %v", c.args, c.keys, ended, err, c.ends)
		}
		if s.vars["CDR(accountcode)"] != c.account {
			t.Errorf("Authenticate(%s): account code %q, want %q", c.args, s.vars["CDR(accountcode)"], c.account)
		}
	}
}

// board is a Switchboard that writes down what is asked of it.
type board struct {
	pbx.Switchboard
	s *story
}

func (s *story) Switchboard() pbx.Switchboard { return board{s: s} }

func (s *story) MatchMore(_, exten string) bool { return len(exten) < 2 }
func (s *story) Expand(text string) string      { return text }

func (b board) Send(_ context.Context, channel, target string) error {
	return b.s.note("send %s to %s", channel, target)
}
func (b board) HangupOther(name string, all bool) int {
	_ = b.s.note("hang up %s %v", name, all)
	return 1
}
func (b board) Connect(_ context.Context, channel string, o pbx.DialOptions) (string, error) {
	return pbx.BridgeSuccess, b.s.note("connect %s %v", channel, o.Caller)
}
func (b board) Originate(_ context.Context, r pbx.OriginateRequest) (pbx.Originated, error) {
	return pbx.Originated{Answered: true}, b.s.note("originate %+v", r)
}
func (b board) Pickup(_ context.Context, r pbx.PickupRequest) (bool, error) {
	return true, b.s.note("pick up %+v", r)
}

// Dial's letters, each with what it asks for.
func TestDialOptions(t *testing.T) {
	for letters, want := range map[string]pbx.DialOptions{
		"tTkK":              {Caller: pbx.MayTransfer | pbx.MayPark, Callee: pbx.MayTransfer | pbx.MayPark},
		"hXw":               {Caller: pbx.MayRecord, Callee: pbx.MayDisconnect | pbx.MayRecord},
		"A(a&b:c)":          {More: &pbx.MoreDialOptions{AnnounceCallee: "a&b", AnnounceCaller: "c"}},
		"D(12:34:5)":        {More: &pbx.MoreDialOptions{DigitsCallee: "12", DigitsCaller: "34", DigitsProgress: "5"}},
		"F":                 {More: &pbx.MoreDialOptions{CalleeGoesOn: true}},
		"F(a^s^1)g":         {GoOn: true, More: &pbx.MoreDialOptions{CalleeGoesOn: true, CalleePlace: "a^s^1"}},
		"G(a^s^1)":          {More: &pbx.MoreDialOptions{BothGo: "a^s^1"}},
		"L(60000:10000:5)":  {CallLimit: time.Minute, Warn: 10 * time.Second, WarnAgain: 5 * time.Millisecond},
		"S(5)L(x)":          {AnswerLimit: 5 * time.Second},
		"pnN":               {More: &pbx.MoreDialOptions{Screening: pbx.Screening{On: true, Delete: true, SkipKnown: true}}},
		"P(x)":              {More: &pbx.MoreDialOptions{Screening: pbx.Screening{On: true, Remember: true, Family: "x"}}},
		"f(123)u(prohib)":   {More: &pbx.MoreDialOptions{ForceID: true, ForcedID: "123", Presentation: "prohib"}},
		"o(9)r(busy)Q(17)":  {Ring: true, More: &pbx.MoreDialOptions{OwnID: true, CalleeID: "9", RingTone: "busy", ElsewhereCause: pbx.CauseUserBusy}},
		"acdeizIjRCm(loud)": {Elsewhere: true, NoForward: true, RingUntilMedia: true, Reset: true, Music: true, MusicClass: "loud", More: &pbx.MoreDialOptions{AnswerEarly: true, KeyExit: true, CalleeHangup: true, Patient: true, Quiet: true}},
	} {
		got, unknown := dialOptions(letters)
		if !reflect.DeepEqual(got, want) || unknown != "" {
			t.Errorf("%s: %+v with %+v, unknown %q", letters, got, got.More, unknown)
		}
	}
	if _, unknown := dialOptions("gO(1)v!"); unknown != "Ov!" {
		t.Errorf("unknown letters are %q", unknown)
	}
}

// Applications that act on other calls say what their documentation says.
func TestSwitchboardApplications(t *testing.T) {
	for _, c := range []struct {
		app, args, line, name, value string
	}{
		{"ChannelRedirect", "PJSIP/1-2,a,s,1", "send PJSIP/1-2 to a,s,1", "CHANNELREDIRECT_STATUS", "SUCCESS"},
		{"SoftHangup", "PJSIP/1,a", "hang up PJSIP/1 true", "", ""},
		{"Bridge", "PJSIP/1-2,tT", "connect PJSIP/1-2 1", "BRIDGERESULT", "SUCCESS"},
		{"Originate", "PJSIP/1,exten,ctx,,,9,ac(7)n(N)v(x=1)", "", "ORIGINATE_STATUS", "SUCCESS"},
		{"Originate", "PJSIP/1,what,ctx", "", "ORIGINATE_STATUS", "FAILED"},
		{"Pickup", "1@a&2", "pick up {Extens:[1@a 2] Channels:[] Partial:false Group:false}", "", ""},
		{"PickupChan", "PJSIP/1,p", "pick up {Extens:[] Channels:[PJSIP/1] Partial:true Group:false}", "", ""},
		{"ReadExten", "X,,,s", "", "READEXTENSTATUS", "SKIP"},
		{"WaitDigit", "1,x", "", "WAITDIGITSTATUS", "TIMEOUT"},
	} {
		s := &story{}
		if err := s.Exec(t.Context(), c.app, c.args); err != nil {
			t.Errorf("%s(%s): %v", c.app, c.args, err)
		}
		if c.line != "" && (len(s.lines) == 0 || s.lines[0] != c.line) {
			t.Errorf("%s(%s) did %q", c.app, c.args, s.lines)
		}
		if c.name != "" && s.vars[c.name] != c.value {
			t.Errorf("%s(%s): %s is %q", c.app, c.args, c.name, s.vars[c.name])
		}
	}
}

// Whatever stands in Dial's options, they are read to the end.
func FuzzDialOptions(f *testing.F) {
	f.Add("tTA(a&b:c)D(1:2:3)L(1:2:3)S(5)F(a^b^1)G(x)pP(y)n")
	f.Add("A(((b)Q()r(")
	f.Fuzz(func(t *testing.T, s string) {
		o, unknown := dialOptions(s)
		if o.CallLimit < 0 || o.AnswerLimit < 0 || o.Warn < 0 || o.WarnAgain < 0 || len(unknown) > 4*len(s) {
			t.Errorf("%q: %+v, unknown %q", s, o, unknown)
		}
	})
}
