package profiles

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// Stack is that of one goroutine, from a dump of all of a process, as runtime.Stack writes it.
type Stack struct {
	State  string   // what it waits for, and for how long where that is minutes
	Frames []string // functions, the innermost first
	By     string   // the function that made it; empty for the first goroutine
}

var header = regexp.MustCompile(`^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\]]*)\]:$`)

// ReadDump reads a dump. What is no goroutine is skipped.
func ReadDump(data []byte) (all []Stack) {
	for block := range bytes.SplitSeq(data, []byte("\n\n")) {
		lines := strings.Split(strings.TrimSpace(string(block)), "\n")
		m := header.FindStringSubmatch(lines[0])
		if m == nil {
			continue
		}
		g := Stack{State: m[1]}
		for _, line := range lines[1:] {
			if line == "" || line[0] == '\t' {
				continue
			}
			if by, made := strings.CutPrefix(line, "created by "); made {
				g.By, _, _ = strings.Cut(by, " in goroutine ")
				continue
			}
			if i := strings.LastIndexByte(line, '('); i > 0 {
				line = line[:i]
			}
			g.Frames = append(g.Frames, line)
		}
		all = append(all, g)
	}
	return all
}

// The frames by which a goroutine is accused, those that say most first: a handler at
// work, the loop of a driver, a client.
var (
	handlers = regexp.MustCompile(`/drivers/faulty\.|/internal/worker\.\(\*lane\)`)
	loops    = regexp.MustCompile(`/drivers/[a-z]+\.`)
	clients  = regexp.MustCompile(`^github\.com/(twmb/franz-go|IBM/sarama|Shopify/sarama|segmentio/kafka-go)`)
	closes   = regexp.MustCompile(`/internal/worker\.\(\*session\)\.closing$`) // runs the close
	below    = regexp.MustCompile(`^(runtime|sync|time|io|bufio|net|syscall|context|sync/atomic|internal/[a-z/]+)\.`)
)

// Accused is the goroutine that holds up what was to happen: the delivery of records,
// or, where it is closed, the close. The frame is its innermost of the client or of
// whoever uses it. It is nil where none has to do with either.
func Accused(all []Stack, closed bool) (g *Stack, frame string) {
	marks := []*regexp.Regexp{handlers, loops, clients}
	if closed {
		marks = slices.Insert(marks, 0, closes)
	}
	for _, mark := range marks {
		for i := range all {
			if slices.ContainsFunc(all[i].Frames, mark.MatchString) {
				if longer(&all[i], g) {
					g = &all[i]
				}
			}
		}
		if g != nil {
			break
		}
	}
	if g == nil {
		return nil, ""
	}
	return g, g.at()
}

// at is the innermost frame that is not of the standard library's plumbing.
func (g *Stack) at() string {
	for _, f := range g.Frames {
		if !below.MatchString(f) {
			return f
		}
	}
	if len(g.Frames) == 0 {
		return ""
	}
	return g.Frames[0]
}

// longer says whether one stack has waited for longer than another. The runtime
// tells minutes, from the first on.
func longer(g, than *Stack) bool {
	return than == nil || strings.Contains(g.State, " minutes") && !strings.Contains(than.State, " minutes")
}
