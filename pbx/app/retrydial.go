package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// maxRetries is the most often RetryDial tries, whatever it is told.
const maxRetries = 100

// retryDial is RetryDial(announce,sleep,retries,dialargs): Dial, and once more when
// nobody has answered, with a sound before each further try and sleep seconds of music. With
// option d a key that the caller presses meanwhile is an extension to go to. retries -1 is
// as long as the caller waits, at most a hundred times.
func retryDial(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4)
	pause, err := seconds(a[1])
	if err != nil {
		pause = 10 * time.Second
	}
	tries, err := strconv.Atoi(strings.TrimSpace(a[2]))
	if err != nil || tries < 0 || tries > maxRetries {
		tries = maxRetries
	}
	req := dialRequest(ch, a[3])
	for n := 0; ; n++ {
		before := ch.Get("CONTEXT") + "," + ch.Get("EXTEN") + "," + ch.Get("PRIORITY")
		if err := ch.Dial(ctx, req); err != nil {
			return err
		}
		moved := before != ch.Get("CONTEXT")+","+ch.Get("EXTEN")+","+ch.Get("PRIORITY")
		if n >= tries || moved || ch.Get("DIALSTATUS") == string(pbx.StatusAnswer) {
			return nil
		}
		stop := ""
		if m := req.Options.More; m != nil && m.KeyExit {
			stop = anyKey
		}
		key, err := playAll(ctx, ch, a[0], stop)
		if err == nil && key == 0 {
			ch.Studio().StartMusic(req.Options.MusicClass)
			if key, err = waitKey(ctx, ch, pause, stop != ""); err == nil {
				ch.StopTone()
			}
		}
		if errors.Is(err, pbx.ErrHangup) {
			return err
		}
		if key == 0 {
			continue
		}
		where := ch.Get("EXITCONTEXT")
		if where == "" {
			where = ch.Get("CONTEXT")
		}
		if ch.Get("VALID_EXTEN("+where+","+string(key)+",1)") == "1" {
			return ch.Script().Goto(where + "," + string(key) + ",1")
		}
	}
}

// waitKey lets time pass, until a key is pressed if that is wanted.
func waitKey(ctx context.Context, ch pbx.Channel, d time.Duration, keys bool) (rune, error) {
	if keys {
		return ch.Digit(ctx, d)
	}
	return 0, ch.Wait(ctx, d)
}
