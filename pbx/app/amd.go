package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// amd is AMD([initialSilence[,greeting[,afterGreetingSilence[,totalAnalysisTime[,
// minimumWordLength[,betweenWordSilence[,maximumNumberOfWords[,silenceThreshold[,
// maximumWordLength[,audioFile]]]]]]]]]]), times in milliseconds: guesses whether a person or a
// machine has answered. What is not given comes from amd.conf, else is as Asterisk has it. The
// threshold has no effect: speech is told from noise in another way. AMDSTATUS is HUMAN,
// MACHINE, NOTSURE or HANGUP, AMDCAUSE says why.
func amd(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 10)
	number := func(i int, name string, otherwise int) int {
		if text := strings.TrimSpace(a[i]); text != "" {
			return wholeNumber(text, otherwise)
		}
		return wholeNumber(ch.Get("AST_CONFIG(amd.conf,general,"+name+")"), otherwise)
	}
	ms := func(i int, name string, otherwise int) time.Duration {
		return time.Duration(min(number(i, name, otherwise), 600_000)) * time.Millisecond
	}
	g := &guess{
		initialSilence: ms(0, "initial_silence", 2500), greeting: ms(1, "greeting", 1500), afterGreeting: ms(2, "after_greeting_silence", 800),
		total: ms(3, "total_analysis_time", 5000), leastWord: ms(4, "min_word_length", 100), between: ms(5, "between_words_silence", 50),
		mostWords: number(6, "maximum_number_of_words", 2), longestWord: ms(8, "maximum_word_length", 5000),
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	began := time.Now()
	_, err := ch.Studio().Attend(ctx, pbx.AttendRequest{Play: strings.TrimSpace(a[9]), Limit: g.total + time.Second, Heard: func(talking bool, length time.Duration) bool {
		return g.hear(time.Since(began), talking, length)
	}})
	switch {
	case errors.Is(err, pbx.ErrHangup):
		_ = ch.Set("AMDSTATUS", "HANGUP")
		return err
	case err != nil:
		return fmt.Errorf("AMD: %w", err)
	case g.status == "":
		g.status, g.cause = "NOTSURE", "TOOLONG-"+strconv.FormatInt(time.Since(began).Milliseconds(), 10)
	}
	_ = ch.Set("AMDSTATUS", g.status)
	return ch.Set("AMDCAUSE", g.cause)
}

// guess is what AMD goes by, and what it has heard so far.
type guess struct {
	initialSilence, greeting, afterGreeting, total time.Duration
	leastWord, between, longestWord                time.Duration
	mostWords                                      int

	words         int
	spoken        time.Duration // of words that are over
	word          time.Duration // the present word
	inWord        bool          // what is being said is long enough for a word
	greeted       bool          // a word has been said
	status, cause string        // the verdict
}

// hear takes the state of the sound at a time since the beginning, talk or silence and for
// how long, and reports whether that is enough for a verdict.
func (g *guess) hear(at time.Duration, talking bool, length time.Duration) bool {
	length = min(length, at)
	if talking {
		g.talk(length)
	} else {
		g.silence(length)
	}
	if g.status == "" && at >= g.total {
		g.decide("NOTSURE", "TOOLONG", at)
	}
	return g.status != ""
}

func (g *guess) talk(length time.Duration) {
	if length >= g.leastWord && !g.inWord {
		g.inWord, g.greeted = true, true
		g.words++
	}
	switch {
	case !g.inWord:
	case length >= g.longestWord:
		g.decide("MACHINE", "MAXWORDLENGTH", length)
	case g.mostWords > 0 && g.words > g.mostWords:
		g.status, g.cause = "MACHINE", fmt.Sprintf("MAXWORDS-%d-%d", g.words, g.mostWords)
	case g.spoken+length >= g.greeting:
		g.decide("MACHINE", "LONGGREETING", g.spoken+length, g.greeting)
	}
	if g.inWord {
		g.word = length
	}
}

func (g *guess) silence(length time.Duration) {
	if length >= g.between && g.inWord {
		g.inWord = false
		g.spoken += g.word
		g.word = 0
	}
	switch {
	case !g.greeted && length >= g.initialSilence:
		g.decide("MACHINE", "INITIALSILENCE", length, g.initialSilence)
	case g.greeted && length >= g.afterGreeting:
		g.decide("HUMAN", "HUMAN", length, g.afterGreeting)
	}
}

// decide is a verdict with its times.
func (g *guess) decide(status, cause string, times ...time.Duration) {
	for _, d := range times {
		cause += "-" + strconv.FormatInt(d.Milliseconds(), 10)
	}
	g.status, g.cause = status, cause
}
