package app

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	box "github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
)

// directoryDigits is how many letters of a name are dialled unless an option says.
const directoryDigits = 3

// maxMatches bounds the people that Directory offers.
const maxMatches = 50

// directory is Directory([vm-context[,dial-context[,options]]]): finds a person of
// voicemail.conf by the letters of the name on the keys of the telephone, and goes to the
// extension of the mailbox in dial-context.
//
// Options: f the first name, l the last (as without), b both, each with (n) letters; e the
// extension is said too; n the call is not answered. Keys: 1 takes a person, * goes on to the next
// one; 0 goes to the extension o, * instead of letters to a. DIRECTORY_RESULT is SELECTED,
// OPERATOR, ASSISTANT, TIMEOUT, HANGUP, USEREXIT or FAILED; DIRECTORY_EXTEN the
// extension.
func directory(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 3)
	o, _ := letters(a[2])
	where := strings.TrimSpace(a[0])
	if where == "" {
		where = box.DefaultContext
	}
	dial := strings.TrimSpace(a[1])
	if dial == "" {
		dial = where
	}
	if !o.has('n') {
		if err := ch.Answer(ctx); err != nil {
			return err
		}
	}
	boxes := ch.Voicemail().Boxes(where)
	if len(boxes) == 0 {
		ch.Log().Warn("Directory: voicemail.conf has nobody in this context", "context", where)
		return ch.Set("DIRECTORY_RESULT", "FAILED")
	}
	count := directoryDigits
	for _, letter := range []byte("flb") {
		count = wholeNumber(o[letter], count)
	}
	for range attempts {
		result, err := directoryOnce(ctx, ch, boxes, dial, o, max(count, 1))
		if err != nil {
			_ = ch.Set("DIRECTORY_RESULT", "HANGUP")
			return err
		}
		if result != "" {
			return ch.Set("DIRECTORY_RESULT", result)
		}
	}
	return ch.Set("DIRECTORY_RESULT", "TIMEOUT")
}

// directoryOnce asks for letters and offers who fits; "" is nobody.
func directoryOnce(ctx context.Context, ch pbx.Channel, boxes []*box.Box, dial string, o optionSet, count int) (string, error) {
	got, err := collect(ctx, ch, directoryPrompt(o, count), count, digitTimeout)
	if err != nil {
		return "", err
	}
	switch got = strings.TrimSuffix(got, "#"); got {
	case "":
		return "", nil
	case "0":
		return directoryLeave(ch, dial, "o", "OPERATOR")
	case "*":
		return directoryLeave(ch, dial, "a", "ASSISTANT")
	}
	found := directoryMatches(boxes, got, o)
	if len(found) == 0 {
		_, err := playAll(ctx, ch, "dir-nomatch", "")
		return "", err
	}
	for _, b := range found {
		key, err := offerPerson(ctx, ch, b, o.has('e'))
		switch {
		case err != nil:
			return "", err
		case key == '1':
			_ = ch.Set("DIRECTORY_EXTEN", b.Number)
			return directoryLeave(ch, dial, b.Number, "SELECTED")
		case key == '0':
			return directoryLeave(ch, dial, "o", "OPERATOR")
		case key == '#':
			return "USEREXIT", nil
		}
	}
	_, err = playAll(ctx, ch, "dir-nomore", "")
	return "", err
}

// directoryPrompt is what asks for the letters.
func directoryPrompt(o optionSet, count int) string {
	name := "dir-last"
	switch {
	case o.has('b'):
		name = "dir-firstlast"
	case o.has('f'):
		name = "dir-first"
	}
	return "dir-welcome&dir-pls-enter&" + strings.Join(prompts.Digits(strconv.Itoa(count)), "&") + "&dir-usingkeypad&" + name
}

// directoryLeave goes to an extension, if there is one.
func directoryLeave(ch pbx.Channel, dial, exten, result string) (string, error) {
	if ch.Get("VALID_EXTEN("+dial+","+exten+",1)") != "1" {
		ch.Log().Warn("Directory: there is no such extension", "context", dial, "exten", exten)
		return "FAILED", nil
	}
	return result, ch.Script().Goto(dial + "," + exten + ",1")
}

// directoryMatches are the people whose first or last name begins with the letters of
// some keys.
func directoryMatches(boxes []*box.Box, keys string, o optionSet) (found []*box.Box) {
	for _, b := range boxes {
		words := strings.Fields(b.Name)
		if len(words) == 0 || len(found) >= maxMatches {
			continue
		}
		first, last := words[0], words[len(words)-1]
		fits := func(name string) bool { return strings.HasPrefix(keysOf(name), keys) }
		switch {
		case o.has('b') && (fits(first) || fits(last)), o.has('f') && !o.has('b') && fits(first), !o.has('f') && !o.has('b') && fits(last):
			found = append(found, b)
		}
	}
	slices.SortFunc(found, func(a, b *box.Box) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Number, b.Number)) })
	return found
}

// keysOf are the keys that a name's letters are on.
func keysOf(name string) string {
	const onKeys = "22233344455566677778889999"
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return rune(onKeys[r-'a'])
		case r >= 'A' && r <= 'Z':
			return rune(onKeys[r-'A'])
		case r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
}

// offerPerson says who somebody is and waits for the key that takes it or not.
func offerPerson(ctx context.Context, ch pbx.Channel, b *box.Box, extension bool) (rune, error) {
	names := prompts.Letters(b.Name)
	if greeting, ok := ch.Voicemail().Greeting(b, "greet"); ok {
		names = []string{greeting}
	}
	if extension {
		names = append(append(names, "vm-extension"), prompts.Digits(b.Number)...)
	}
	key, err := pbx.Speak(ctx, ch, anyKey, append(names, "dir-instr")...)
	if key == 0 && err == nil {
		key, err = ch.Digit(ctx, digitTimeout)
	}
	return key, err
}
