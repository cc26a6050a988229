package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
)

// sayCountedNoun is SayCountedNoun(number,file): plays the file of a noun in the form that
// goes with the number: file and files in English, file, filex1 and filex2 in Slavic
// languages, file alone in those that do not inflect. It does not answer.
func sayCountedNoun(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	n, err := strconv.ParseInt(strings.TrimSpace(a[0]), 10, 64)
	if err != nil || a[1] == "" {
		return fmt.Errorf("SayCountedNoun: write a number and a file")
	}
	_, err = pbx.Speak(ctx, ch, "", a[1]+prompts.NounForm(language(ch), n))
	return err
}

// sayCountedAdj is SayCountedAdj(number,file[,gender]): the same for an adjective, whose
// gender is m, f, n or c; English has one form.
func sayCountedAdj(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 3)
	n, err := strconv.ParseInt(strings.TrimSpace(a[0]), 10, 64)
	gender := strings.ToLower(strings.TrimSpace(a[2]))
	if err != nil || a[1] == "" || gender != "" && !strings.Contains("mfnc", gender) {
		return fmt.Errorf("SayCountedAdj: write a number, a file and perhaps a gender: m, f, n or c")
	}
	_, err = pbx.Speak(ctx, ch, "", a[1]+prompts.AdjectiveForm(language(ch), n, gender))
	return err
}

// sayCountPL is SayCountPL(one,few,many,number): the word that goes with a number in
// Polish.
func sayCountPL(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4)
	n, err := strconv.ParseInt(strings.TrimSpace(a[3]), 10, 64)
	if err != nil {
		return fmt.Errorf("SayCountPL: %q is not a whole number", a[3])
	}
	word := a[2]
	switch last, tens := n%10, n/10%10; {
	case n == 1:
		word = a[0]
	case last >= 2 && last <= 4 && tens != 1:
		word = a[1]
	}
	_, err = pbx.Speak(ctx, ch, "", word)
	return err
}
