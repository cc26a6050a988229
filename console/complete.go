package console

import (
	"slices"
	"strings"
)

// maxWords bounds the words that a completion offers.
const maxWords = 2000

// Complete returns the words that the last of words, which may be "", can become:
// the next word of a command, or a name for its argument, in order.
func Complete(n Node, words []string) (list []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	before, begun := words[:len(words)-1], words[len(words)-1]
	offer := func(names ...string) {
		for _, name := range names {
			if strings.HasPrefix(name, begun) && len(list) < maxWords {
				list = append(list, name)
			}
		}
	}
	for _, c := range Commands() {
		own := strings.Fields(c.Words)
		if len(before) < len(own) {
			if slices.Equal(before, own[:len(before)]) {
				offer(own[len(before)])
			}
			continue
		}
		args, ok := c.fits(before)
		if !ok || len(args) >= len(c.Args) {
			continue
		}
		switch kind := c.Args[len(args)].Kind; kind {
		case Anything:
		case CommandName:
			for _, other := range Commands() {
				offer(strings.Fields(other.Words)[0])
			}
		case Level:
			offer("debug", "error", "info", "warn")
		default:
			offer(n.Names(kind, args)...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
