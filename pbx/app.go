package pbx

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hometone/hometone/pbx/voicemail"
	"github.com/hometone/hometone/sdp"
)

// ErrHangup ends an application because its channel has ended: the caller hung
// up, or the call was released. The dialplan goes on with the extension h.
var ErrHangup = errors.New("pbx: channel hung up")

// ErrNoApp means that no application has the name. It ends the call.
var ErrNoApp = errors.New("pbx: no such application")

// App is one application of the dialplan.
type App struct {
	// Name as it is written in extensions.conf; looked up without case.
	Name string
	// Run does the work and returns nil to go on with the next priority,
	// ErrHangup when the channel has ended, or what wraps ErrNoApp. Any other error is
	// logged with the line of the dialplan, which goes on.
	Run func(ctx context.Context, ch Channel, args string) error
	// Doc is one sentence for the table in the documentation.
	Doc string
}

// Channel is a call as an application sees it. All methods belong to the
// channel's goroutine: an application calls them from Run only.
type Channel interface {
	// Name is the channel's name, such as PJSIP/8005-0000002a.
	Name() string
	// Get returns a variable's or function's value, "" if it is not set.
	Get(name string) string
	// Set changes a variable; the name may start with _ or __ (inheritance).
	Set(name, value string) error

	// Answered reports whether the caller has got a 200.
	Answered() bool
	// Answer answers the caller and connects its sound; nothing if it has been
	// answered already.
	Answer(ctx context.Context) error
	// Indicate tells an unanswered caller how its call stands; an answered one
	// hears the tone for it.
	Indicate(ctx context.Context, what Indication) error
	// Hangup releases the channel with a cause once the application returns
	// ErrHangup, which Hangup returns for convenience.
	Hangup(cause Cause) error

	// Wait lets d pass while the call goes on living; d < 0 waits until the
	// channel ends. It returns ErrHangup if the channel ended.
	Wait(ctx context.Context, d time.Duration) error
	// Digit waits for one key of the telephone, at most d; 0 means that none
	// was pressed.
	Digit(ctx context.Context, d time.Duration) (rune, error)
	// Play plays a sound file by name without suffix, or tone:NAME, to its end
	// or until a key in stop is pressed, which is returned (else 0).
	Play(ctx context.Context, name, stop string) (rune, error)
	// Echo sends back what is heard until the channel ends or # is pressed.
	Echo(ctx context.Context) error
	// StreamEcho gives the call n streams of a kind, by a re-INVITE if it has
	// more or fewer, and echoes all its streams like Echo.
	StreamEcho(ctx context.Context, n int, kind sdp.Kind) error
	// SendDigits plays keys to the caller as telephone-events.
	SendDigits(ctx context.Context, digits string, tone, gap time.Duration) error
	// Dial calls out and, if somebody answers, connects both until one of them
	// hangs up.
	Dial(ctx context.Context, req *DialRequest) error

	// Studio is what else can be done with the channel's sound.
	Studio() Studio

	// Switchboard is what can be done with other calls.
	Switchboard() Switchboard

	// Voicemail is where messages are kept; it has no boxes if voicemail.conf
	// has none.
	Voicemail() *voicemail.Office

	// Redirect sends the caller to a SIP URI, endpoint or number: by 302 before
	// the answer, which ends the channel, by REFER after it.
	Redirect(ctx context.Context, destination string) error
	// SendMessage sends the text of MESSAGE() outside a call (RFC 3428); from and
	// to may be empty. status is a value of MESSAGE_SEND_STATUS, err says why it is
	// not SUCCESS.
	SendMessage(ctx context.Context, destination, from, to string) (status string, err error)
	// SendText sends a text to the caller within the call.
	SendText(ctx context.Context, t Text) error

	// StartTone plays a call progress tone (dial, ring, busy, congestion, milliwatt …)
	// until StopTone, beneath whatever follows.
	StartTone(name string) error
	// StopTone ends it.
	StopTone()

	// Script is where the channel is in the dialplan, and moves it.
	Script() Script
	// Exec runs another application.
	Exec(ctx context.Context, name, args string) error
	// Log returns the call's logger.
	Log() *slog.Logger
}

// Text is what SendText sends.
type Text struct {
	ContentType string
	Body        string
	From, To    string // names to show instead of the dialog's; "" = none
}

// Script is the dialplan as an application that moves about in it sees it;
// *dialplan.Interpreter fits. After an error the channel cannot go on.
type Script interface {
	Goto(target string) error     // [[context,]extension,]priority
	GotoIf(args string) error     // condition?[target][:target]
	GotoIfTime(args string) error // times,weekdays,mdays,months[,zone]?[target][:target]
	Gosub(target string) error    // [[context,]extension,]priority[(arguments)]
	GosubIf(args string) error
	Return(value string) error
	StackPop() error
	// While … ExitWhile and If … ExitIf are the lines of loops and branches.
	While(condition string) error
	EndWhile() error
	ContinueWhile() error
	ExitWhile() error
	If(condition string) error
	ElseIf(condition string) error
	Else() error
	EndIf() error
	ExitIf() error
	// ChooseIf and ChooseIfTime return the APP(ARGS) that ExecIf and ExecIfTime
	// run; "" is none.
	ChooseIf(args string) (call string, err error)
	ChooseIfTime(args string) (call string, err error)
	// RaiseException moves to the extension e.
	RaiseException(reason string) error
	// DBDel and DBDelTree forget what DB() keeps.
	DBDel(args string) error     // family/key
	DBDelTree(args string) error // family[/keytree]
	// Press hands over a key that starts the dialling of an extension.
	Press(digit string)
	// MatchMore reports whether more keys could follow those of an extension.
	MatchMore(context, exten string) bool
	// Expand substitutes ${…} and $[…] in a text.
	Expand(text string) string
	// Timeout moves to the extension t (or T) and reports whether there is one.
	Timeout(absolute bool) bool
}

// Indication is how a call stands, told to the side that waits.
type Indication uint8

// The indications.
const (
	Ringing    Indication = iota // 180
	Progress                     // 183 with SDP
	Busy                         // 486, or the busy tone
	Congestion                   // 503, or the reorder tone
)

// DialRequest is what Dial is asked to do.
type DialRequest struct {
	Destinations []string      // PJSIP/8006, PJSIP/8006@trunk … in the order written
	Timeout      time.Duration // how long to ring; 0 = no limit
	Options      DialOptions
	Last         bool // the application does nothing after Dial than to return what it returned
}

// DialOptions are Dial's letters.
type DialOptions struct {
	Ring           bool             // r: the caller gets 180 at once, no early media
	RingUntilMedia bool             // R: the caller gets 180 at once, and early media when there is some
	GoOn           bool             // g: go on in the dialplan when the callee hangs up
	Reset          bool             // C: start the CDR's clock again
	AnswerLimit    time.Duration    // S: hang up this long after the answer; 0 = none
	CallLimit      time.Duration    // L: the most the connected call may last; 0 = none
	Warn           time.Duration    // L: the caller is told so long before the end; 0 = not
	WarnAgain      time.Duration    // L: and so often then; 0 = once
	NoForward      bool             // i: a callee's 3xx is not followed
	Music          bool             // m: the caller hears music on hold until somebody answers
	MusicClass     string           // of Music; "" = the channel's
	Caller, Callee Powers           // what the two may do by keys
	Elsewhere      bool             // c: tell every cancelled callee the call was taken elsewhere
	CalleeFirst    string           // b: subroutine on each callee before it is called; "" = none
	CallerFirst    string           // B: subroutine on the caller before anybody is called; "" = none
	Subroutine     string           // U: subroutine on the callee that has answered; "" = none
	More           *MoreDialOptions // those that few calls have; nil = none
}

// MoreDialOptions are the letters of Dial that few calls have.
type MoreDialOptions struct {
	AnswerEarly    bool   // a: the caller is answered as soon as somebody has answered
	AnnounceCallee string // A: sounds, joined by &, for the callee that has answered; "" = none
	AnnounceCaller string // A: for the caller meanwhile
	KeyExit        bool   // d: a key pressed while it rings is an extension to go to
	DigitsCallee   string // D: keys sent to the callee that has answered; "" = none
	DigitsCaller   string // D: to the caller then
	DigitsProgress string // D: to a callee whose call makes progress
	CalleeHangup   bool   // e: the extension h runs for the callee, too
	ForceID        bool   // f: callees see another caller, ForcedID if that is not empty, else the extension, and that only when the call is forwarded
	ForcedID       string
	CalleeGoesOn   bool   // F: the callee goes on in the dialplan when the caller hangs up
	CalleePlace    string // F: where; "" = the next priority
	CalleeEnds     bool   // x of Bridge: the other one does not go on in its dialplan
	BothGo         string // G: where the two go instead of being connected; "" = they are connected
	Quiet          bool   // I: changes of who is connected are not passed on
	Screening      Screening
	// Confirm asks a callee that has answered, on its own channel, whether it takes the
	// call; nil = nobody is asked. Of an application's own, not a letter.
	Confirm        func(ctx context.Context, callee Channel) bool
	OwnID          bool   // o: the callee's channel has the caller's id, or CalleeID
	CalleeID       string // o
	ElsewhereCause Cause  // Q: for those that somebody else was faster than; 0 = answered elsewhere
	RingTone       string // r: the tone that the caller hears; "" = its telephone's own
	Tag            string // s
	Presentation   string // u, with f
	Patient        bool   // z: a forwarded call has no time limit
}

// rare returns the options that few calls have, zero values if there are none.
func (o *DialOptions) rare() MoreDialOptions {
	if o.More == nil {
		return MoreDialOptions{}
	}
	return *o.More
}

// Screening asks the caller for a name and the callee whether it wants the call
// (Dial's p, P, n and N).
type Screening struct {
	On        bool
	Remember  bool   // P: the answer holds for later calls of this caller
	Family    string // P: where it is kept; "" = the extension
	Delete    bool   // n: the recorded name is deleted
	SkipKnown bool   // N: callers with a number are not asked
}
