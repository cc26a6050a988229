package config

import "strings"

// blockComment follows ;-- … --; over the lines of one file.
type blockComment struct {
	depth  int
	opened int // line of the outermost opening
}

// strip returns what is left of a line without its comments. A backslash
// before a semicolon keeps the semicolon and goes away. ";--" opens a block
// unless a third dash follows; "--;" closes it; blocks nest.
func (b *blockComment) strip(line string, number int) string {
	if strings.IndexByte(line, ';') < 0 {
		if b.depth > 0 {
			return ""
		}
		return line
	}
	kept := make([]byte, 0, len(line))
	from := 0 // a closing --; and an escape must lie after the last semicolon
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c != ';' {
			if b.depth == 0 {
				kept = append(kept, c)
			}
			continue
		}
		switch {
		case i > from && line[i-1] == '\\':
			if b.depth == 0 {
				kept[len(kept)-1] = ';'
			}
			from = i + 1
		case opensBlock(line[i:]) && b.depth < maxCommentDepth:
			if b.depth++; b.depth == 1 {
				b.opened = number
			}
			i += 2
			from = i + 1
		case b.depth > 0 && i >= from+2 && line[i-2:i] == "--":
			b.depth--
			from = i + 1
		case b.depth == 0:
			return string(kept)
		default:
			from = i + 1
		}
	}
	return string(kept)
}

func opensBlock(s string) bool {
	return strings.HasPrefix(s, ";--") && !strings.HasPrefix(s, ";---")
}
