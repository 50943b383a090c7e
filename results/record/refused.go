package record

import (
	"strings"
	"sync"
)

// ErrorKind is what tells one kind of error from another: its first line without
// its numbers, which are of one record, connection or moment.
func ErrorKind(words string) string {
	words, _, _ = strings.Cut(words, "\n")
	var b strings.Builder
	number := false
	for _, r := range words {
		digit := r >= '0' && r <= '9'
		if !digit {
			b.WriteRune(r)
		} else if !number {
			b.WriteByte('#')
		}
		number = digit
		if b.Len() >= longestKind {
			b.WriteString("...")
			break
		}
	}
	return b.String()
}

const (
	longestKind = 160
	mostKinds   = 32
)

// OtherErrors is the kind of all errors beyond the first few kinds.
const OtherErrors = "other errors"

// Reported is errors of one kind: the words of the first, when it came, and how many
// there were.
type Reported struct {
	Kind, Words string
	T, Count    int64
}

// Refusals counts errors by kind. Its zero value is ready, for any number of
// goroutines. What is counted is rare: it takes a lock and builds a string.
type Refusals struct {
	mu    sync.Mutex
	kinds map[string]*Reported
	order []*Reported
}

// Add counts so many errors with the same words, the first of which came at t.
func (r *Refusals) Add(words string, t, count int64) {
	kind := ErrorKind(words)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.kinds[kind]
	if e == nil && len(r.kinds) >= mostKinds {
		kind = OtherErrors
		e = r.kinds[kind]
	}
	if e == nil {
		if r.kinds == nil {
			r.kinds = map[string]*Reported{}
		}
		e = &Reported{Kind: kind, Words: words, T: t}
		r.kinds[kind], r.order = e, append(r.order, e)
	}
	e.Count += count
}

// All are the kinds in the order in which they were first seen.
func (r *Refusals) All() []Reported {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Reported
	for _, e := range r.order {
		out = append(out, *e)
	}
	return out
}
