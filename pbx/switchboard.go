package pbx

import (
	"context"
	"time"

	"github.com/hometone/hometone/config/followme"
)

// Switchboard is what a channel can do with other calls. Its methods belong to the
// channel's goroutine.
type Switchboard interface {
	// Park lets the caller wait in a parking lot. It returns ErrHangup when the
	// call was fetched or has ended, nil when its time is over and the dialplan goes on,
	// and another error if there is no space.
	Park(ctx context.Context, req ParkRequest) error
	// Unpark connects the caller with a call that is parked, 0 the first one.
	// An error that is not ErrHangup means that there is none.
	Unpark(ctx context.Context, lot string, space int) error
	// Pickup gives the caller a call that rings elsewhere and reports whether there is
	// one; then the channel ends, because the caller talks in another one.
	Pickup(ctx context.Context, req PickupRequest) (bool, error)
	// Originate makes a call of its own. While it rings the caller's channel lives
	// on. ErrRefused: nobody answered, and Originated says why.
	Originate(ctx context.Context, req OriginateRequest) (Originated, error)
	// Page lets several telephones hear the caller until it hangs up or nobody is
	// left.
	Page(ctx context.Context, req PageRequest) error
	// Send sends another channel to [[context,]extension,]priority, whatever it does.
	Send(ctx context.Context, channel, target string) error
	// HangupOther ends the channel of a name or, with all, all those of a device; it
	// returns how many.
	HangupOther(name string, all bool) int
	// Connect connects the caller with another channel, which leaves what it does. It
	// returns what BRIDGERESULT says.
	Connect(ctx context.Context, channel string, o DialOptions) (string, error)
	// TransferBridge transfers whom the channel's side of a call talks with, when the
	// application has ended that [applicationmap] runs on it. It returns SUCCESS, INVALID,
	// NOTPERMITTED or FAILURE.
	TransferBridge(exten, context string, attended bool) string
	// ForkRecord gives the call so far its record and begins another one; with keep the
	// time of the answer stays.
	ForkRecord(keep bool)
	// ResetRecord begins the call's record anew.
	ResetRecord()
	// Allows reports whether the configuration lets an application run that is off
	// otherwise: system or disa.
	Allows(name string) bool
	// Command runs a command of the shell, for at most limit, while the call lives on. The
	// error says that it could not be run, or not to its end.
	Command(ctx context.Context, command string, limit time.Duration) (exit int, err error)
	// SendStatistic sends a figure to the server of statsd.conf; sent is false if there is none.
	SendStatistic(text string) (sent bool, err error)
	// FollowMe returns a profile of followme.conf, nil if there is none.
	FollowMe(profile string) *followme.Profile
	// Signal tells all channels that wait for a signal of a name, and returns how many.
	Signal(name, payload string) (heard int, err error)
	// AwaitSignal waits for a signal of a name, for at most limit, 0 for ever. ok is false
	// if the time is up.
	AwaitSignal(ctx context.Context, name string, limit time.Duration) (payload string, ok bool, err error)
	// StoreKeys adds keys to a variable from now on: those that the telephone sends (RX), or
	// those sent to it (TX); at most so many, 0 all. Direction "" ends that.
	StoreKeys(direction, variable string, most int) error
	// Refuse ends the channel, with a SIP status if it is not answered yet.
	Refuse(status int) error
	// AwaitText waits for a MESSAGE of the caller's within the call, for at most limit, 0 for
	// ever. ok is false if the time is up.
	AwaitText(ctx context.Context, limit time.Duration) (text Text, ok bool, err error)
	// Notify sends a NOTIFY with header fields and a body to an endpoint or a SIP URI,
	// outside of the call.
	Notify(ctx context.Context, to string, fields [][2]string) error
	// ForgetCauses makes HANGUPCAUSE() forget the called channels.
	ForgetCauses()
}

// FollowMe implements Switchboard.
func (ch *channel) FollowMe(profile string) *followme.Profile { return ch.set.FollowMe[profile] }

// Switchboard implements Channel.
func (ch *channel) Switchboard() Switchboard { return ch }

var _ Switchboard = (*channel)(nil)
