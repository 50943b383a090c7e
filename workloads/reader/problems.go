package reader

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a document or with a --set flag, said
// so that its author can mend it without looking anything up.
type Problem struct {
	File string // the name of the document, or the flag as it was written
	Line int    // from 1; 0 for a flag, which has no lines
	Col  int
	Path string // of the field; empty where the document as a whole is meant
	Msg  string // what is wrong; what would be right
}

// Error is the problem on one line.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Msg)
	return b.String()
}

// Errors are all the problems of a document, in the order in which its author
// meets them.
type Errors []Problem

// shownProblems is how many problems are written out. Further ones mostly follow from
// the same mistake.
const shownProblems = 20

// Error is one problem per line, the first of them, and how many more there are.
func (e Errors) Error() string {
	var lines []string
	for i, p := range e {
		if i == shownProblems {
			lines = append(lines, fmt.Sprintf("… and %d problems more", len(e)-i))
			break
		}
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each problem to errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, p := range e {
		errs[i] = p
	}
	return errs
}

// Sorted orders problems by position: those of the document first, by line, then
// those of flags, in the order of the flags.
func (e Errors) Sorted() Errors {
	slices.SortStableFunc(e, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return e
}

// Place is where a value was written.
type Place struct {
	File      string
	Line, Col int // 0 for a flag
}

// Nearest returns the candidate that was most likely meant by word, or "" where
// none is near enough to be worth suggesting.
func Nearest(word string, candidates []string) string {
	if len(word) > longestWord {
		return ""
	}
	best, bestAt := "", 1+len(word)/4
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), c); d <= bestAt && (best == "" || d < bestAt) {
			best, bestAt = c, d
		}
	}
	return best
}

// longestWord is more than any that was meant to be a name of something.
const longestWord = 100

// distance is the number of letters to insert, delete, change or swap with
// their neighbour to make a into b.
func distance(a, b string) int {
	var rows [3][]int // of the last two letters of a, and of this one
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, this := rows[0], rows[1], rows[2]
		this[0] = i
		for j := 1; j <= len(b); j++ {
			change := 0
			if a[i-1] != b[j-1] {
				change = 1
			}
			d := min(last[j]+1, this[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			this[j] = d
		}
		rows = [3][]int{last, this, before}
	}
	return rows[1][len(b)]
}

// Either lists words as in "a, b or c".
func Either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
