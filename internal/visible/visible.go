// Package visible shows text that others wrote: what a terminal would obey instead of
// showing it (escape sequences, bells, marks that turn the direction of writing) is
// written as the escapes that JSON has for it. Text that is nothing but visible stays as
// it is, so that it does no harm to show it twice. Layout is not its business.
package visible

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is text of any number of lines: line feeds and tabs stay.
func Text(s string) string { return escape(s, "\n\t") }

// Line is text on one line, such as a name.
func Line(s string) string { return escape(s, "") }

func escape(s, keep string) string {
	hidden := func(r rune) bool { return !unicode.IsGraphic(r) && !strings.ContainsRune(keep, r) }
	if strings.IndexFunc(s, hidden) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i]) // some terminals obey single bytes
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			const ten = 1<<10 - 1
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&ten)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Cut is text of at most so many characters, and how many more there were.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return fmt.Sprintf("%s… (and %d characters more)", string(r[:most]), len(r)-most)
}

// Lines is text of at most so many lines, none of them longer than so many
// characters, and how many more there were.
func Lines(s string, lines, most int) string {
	var out []string
	n := 0
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if n++; n <= lines {
			out = append(out, Cut(l, most))
		}
	}
	if n > lines {
		out = append(out, fmt.Sprintf("… and %d lines more", n-lines))
	}
	return strings.Join(out, "\n")
}

// Writer writes what it is given as Text to w. JSON means the same afterwards. A
// character must come at one go.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ io.Writer }

func (w writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
