package audit

import (
	"fmt"

	"github.com/kbench/kbench/results/record"
)

// Sums are the terms of four sums that leave nothing out (MEASURING 8). Each side is
// counted by other means: what generators counted, what stands in spans, and what the
// audit made of these.
//
//	due         = handed over + unsent
//	handed over = acked + failed + unanswered
//	acked       = delivered first + undelivered + lost + damaged
//	delivered   = first of acked + first of failed or unanswered + redelivered
//
// Foreign and damaged deliveries stand beside the last.
type Sums struct {
	Known               bool  // the producers closed their accounts: what they counted is known
	Due, Handed, Unsent int64 // as they counted
	Acked, Failed       int64
	Unanswered          int64 // no word when the client was closed
	Twice               int64 // answers for records that had one
	First               int64 // acknowledged and found
	Unsure              int64 // failed or unanswered, and found
	Damaged             int64 // acknowledged, and found damaged at their offset
	Undelivered, Lost   int64
	Delivered           int64 // all of them, first or not
	Redelivered         int64
	Foreign             int64
	Unknown             int64        // found, with the trial's tag, and no producer has a word for them
	Counted             record.Tally // by the generators
}

// sums completes the terms.
func (c *checker) sums() {
	s := &c.r.Sums
	s.Acked, s.Failed, s.Unsure, s.Lost, s.Undelivered = c.r.Sent, c.r.Failed, c.r.Unanswered, c.r.Lost, c.r.Missing()
	s.Redelivered, s.Foreign = c.r.Duplicates.Total(), c.r.Foreign
	for _, l := range c.lanes {
		for _, r := range l.Sequences {
			switch l.Kind {
			case c.found:
				s.Delivered += r.Hi - r.Lo
			case record.Twice:
				s.Twice += r.Hi - r.Lo
			}
		}
	}
	producing := false
	for _, l := range c.logs {
		if l.Tally == nil {
			continue
		}
		producing = true
		s.Due, s.Handed, s.Unsent = s.Due+l.Tally.Due, s.Handed+l.Tally.Sent, s.Unsent+l.Tally.Unsent
		s.Counted.Acked += l.Tally.Acked
		s.Counted.Failed += l.Tally.Failed
		s.Counted.Unanswered += l.Tally.Unanswered
	}
	s.Known = producing
}

// NeverAcked is how many records were handed over and never acknowledged. Some may be
// there all the same: those that no word is known of are among these.
func (s Sums) NeverAcked() int64 { return s.Failed + s.Unanswered + s.Unknown }

// Broken says which sums do not hold, each in words: the instrument is at fault.
func (s Sums) Broken() (out []string) {
	hold := func(left int64, what, format string, args ...any) {
		right := int64(0)
		for _, a := range args {
			right += a.(int64)
		}
		if left != right {
			out = append(out, fmt.Sprintf("%s %d are not "+format, append([]any{what, left}, args...)...))
		}
	}
	if s.Known {
		hold(s.Due, "due", "%d handed over and %d unsent", s.Handed, s.Unsent)
		hold(s.Handed, "handed over", "%d acked, %d failed and %d unanswered", s.Acked, s.Failed, s.Unanswered)
		hold(s.Acked, "acked", "the %d that the generator counted", s.Counted.Acked)
		hold(s.Failed, "failed", "the %d that the generator counted", s.Counted.Failed)
		if s.Unknown > 0 {
			out = append(out, fmt.Sprintf("%d records were found that no producer has a word for", s.Unknown))
		}
	}
	hold(s.Acked, "acked", "%d delivered first, %d undelivered, %d lost and %d damaged", s.First, s.Undelivered, s.Lost, s.Damaged)
	hold(s.Delivered, "delivered", "%d first of acked, %d first of failed or unanswered and %d redelivered", s.First, s.Unsure, s.Redelivered)
	return out
}
