package app

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	box "github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/voicemail"
)

// greetings are what the keys of the options record: the words that ask for it, and
// the greeting's file.
var greetings = map[rune][2]string{
	'1': {"vm-rec-unv", "unavail"}, '2': {"vm-rec-busy", "busy"}, '3': {"vm-rec-name", "greet"}, '4': {"vm-rec-temp", "temp"},
}

// longestGreeting bounds a greeting.
const longestGreeting = 2 * time.Minute

// mailboxOptions are the owner's own matters: the keys 1 to 4 record greetings, 4 erases
// the temporary one too, 5 changes the password, * goes back to the messages, and so does
// who presses nothing for long.
func mailboxOptions(ctx context.Context, ch pbx.Channel, b *box.Box) error {
	for silent := 0; silent < attempts; {
		key, err := pbx.Speak(ctx, ch, anyKey, "vm-options")
		if key == 0 && err == nil {
			key, err = ch.Digit(ctx, digitTimeout)
		}
		switch {
		case err != nil:
			return err
		case key == '*' || key == '#':
			return nil
		case key == 0:
			silent++
		case key == '5':
			err = changePassword(ctx, ch, b)
		case key == '4':
			err = temporaryGreeting(ctx, ch, b)
		case greetings[key] != [2]string{}:
			err = recordGreeting(ctx, ch, b, greetings[key])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// temporaryGreeting records the greeting that takes the place of the others; if there
// is one, 1 records it anew, 2 erases it, * leaves it.
func temporaryGreeting(ctx context.Context, ch pbx.Channel, b *box.Box) error {
	g := greetings['4']
	for range attempts {
		if _, there := ch.Voicemail().Greeting(b, g[1]); !there {
			return recordGreeting(ctx, ch, b, g)
		}
		key, err := pbx.Speak(ctx, ch, anyKey, "vm-tempgreeting2")
		if key == 0 && err == nil {
			key, err = ch.Digit(ctx, digitTimeout)
		}
		switch {
		case err != nil || key == '*':
			return err
		case key == '1':
			return recordGreeting(ctx, ch, b, g)
		case key == '2':
			if err := ch.Voicemail().Ungreet(b, g[1]); err != nil {
				return err
			}
			_, err = pbx.Speak(ctx, ch, "", "vm-tempremoved")
			return err
		}
	}
	return nil
}

// recordGreeting records until # and keeps what the owner agrees to: 1 keeps, 2
// plays, 3 records again; who hangs up has agreed to nothing.
func recordGreeting(ctx context.Context, ch pbx.Channel, b *box.Box, g [2]string) error {
	office := ch.Voicemail()
	draft := office.Draft(b, "greeting-"+ch.Get("UNIQUEID"))
	defer os.Remove(draft) // gone if it was kept
	again := true
	for range attempts {
		if again {
			if _, err := pbx.Speak(ctx, ch, "", g[0], "beep"); err != nil {
				return err
			}
			done, err := ch.Studio().Record(ctx, pbx.RecordRequest{Path: draft, Max: longestGreeting, Stop: "#"})
			switch {
			case err != nil:
				return err
			case done.HungUp:
				return pbx.ErrHangup
			}
			again = false
		}
		key, err := pbx.Speak(ctx, ch, "123", "vm-review")
		if key == 0 && err == nil {
			key, err = ch.Digit(ctx, digitTimeout)
		}
		switch {
		case err != nil:
			return err
		case key == '1':
			if err := office.Greet(b, g[1], draft); err != nil {
				return err
			}
			_, err := pbx.Speak(ctx, ch, "", "vm-msgsaved")
			return err
		case key == '2':
			_, err = pbx.Speak(ctx, ch, "", strings.TrimSuffix(draft, voicemail.Suffix))
		case key == '3':
			again = true
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// changePassword asks for a new password twice.
func changePassword(ctx context.Context, ch pbx.Channel, b *box.Box) error {
	ask := func(words string) (string, error) {
		keys, err := collect(ctx, ch, words, maxPassword, digitTimeout)
		return strings.TrimSuffix(keys, "#"), err
	}
	first, err := ask("vm-newpassword")
	if err != nil {
		return err
	}
	second, err := ask("vm-reenterpassword")
	if err != nil {
		return err
	}
	words := "vm-passchanged"
	if first != second {
		words = "vm-mismatch"
	} else if err := ch.Voicemail().SetPassword(b, first); errors.Is(err, voicemail.ErrShort) || errors.Is(err, voicemail.ErrFixed) {
		words = "vm-invalid-password"
	} else if err != nil {
		return err
	}
	_, err = pbx.Speak(ctx, ch, "", words)
	return err
}
