package dialplan

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// iconv is ICONV(FROM,TO,TEXT): text in another character set, by their names in the
// Internet. Characters that there are not in the new one become a question mark or what
// stands for it there.
func iconv(_ *Env, args string) (string, error) {
	list, err := need(args, 3, 3, "ICONV(FROM,TO,TEXT)")
	if err != nil {
		return "", err
	}
	var sets [2]encoding.Encoding
	for i := range sets {
		name, _, _ := strings.Cut(strings.TrimSpace(list[i]), "//") // as iconv's //TRANSLIT
		if sets[i], err = htmlindex.Get(name); err != nil {
			return "", fmt.Errorf("ICONV: %q is no character set that is known", clip(name))
		}
	}
	text, err := sets[0].NewDecoder().String(list[2])
	if err != nil {
		return "", fmt.Errorf("ICONV: %w", err)
	}
	text, err = encoding.ReplaceUnsupported(sets[1].NewEncoder()).String(text)
	if err != nil {
		return "", fmt.Errorf("ICONV: %w", err)
	}
	return text, nil
}
