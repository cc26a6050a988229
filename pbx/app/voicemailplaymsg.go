package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// voiceMailPlayMsg is VoiceMailPlayMsg([box][@context],msg_id): plays one message of a
// mailbox, known by the msg_id of its envelope. VOICEMAIL_PLAYBACKSTATUS is SUCCESS or
// FAILED.
func voiceMailPlayMsg(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	_ = ch.Set("VOICEMAIL_PLAYBACKSTATUS", "FAILED")
	b := ch.Voicemail().Box(a[0])
	if b == nil {
		ch.Log().Warn("VoiceMailPlayMsg: no such mailbox in voicemail.conf", "mailbox", a[0])
		return nil
	}
	m, ok := ch.Voicemail().Find(b, strings.TrimSpace(a[1]))
	if !ok {
		ch.Log().Warn("VoiceMailPlayMsg: the mailbox has no message of this id", "mailbox", b.ID(), "msg_id", a[1])
		return nil
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	if _, err := pbx.Speak(ctx, ch, "", m.Path); err != nil {
		return err
	}
	return ch.Set("VOICEMAIL_PLAYBACKSTATUS", "SUCCESS")
}
