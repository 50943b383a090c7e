// Package audit establishes the truth of delivery: which of the records that
// were acknowledged are there, which are there twice and why, and which came in
// the wrong order or damaged.
//
// It works on the spans of package record, runs of records with consecutive
// sequences and offsets, by interval arithmetic: its cost grows with the number
// of spans, never with the number of records, so a trial of a hundred million
// records is audited in a moment. It holds no spans either, but where the runs are
// that they make, and reads those again that more than one run has something to say
// about. It measures no time and judges no client; it counts.
package audit

import (
	"fmt"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// Report is the truth about one trial. Counts are of records.
type Report struct {
	Sent        int64        // distinct records acknowledged
	Failed      int64        // distinct records whose send failed and was never acknowledged
	Delivered   int64        // distinct records found, delivered or read back
	Lost        int64        // acknowledged, not found, and not in the log or passed over by a committed position
	Undelivered []Cause      // acknowledged, not found, and still in the log for whoever reads on: by why nobody had
	Duplicates  Duplicates   // found more than once
	Reordered   int64        // found after a later record of the same producer, partition and tenure
	Corrupt     int64        // found, but not what was sent
	Unanswered  int64        // found, though the send failed or was never answered
	Foreign     int64        // found, and sent by nobody of this trial
	Redelivered []Redelivery // the surplus deliveries of Duplicates but for producers', by place and offset
	Copies      []Redelivery // those of producers' that a handler was given
	TooLate     []Redelivery // those of Reordered, though they came for the first time
	Strangers   []Stranger   // members of the group that kbench did not start
	Sums        Sums
	Group       Group
	Died        []string  // workers that ended by themselves, and not by an act or at the end
	Examples    []Example // the first few of each finding, in a fixed order
	Warnings    []results.Remark
}

// Duplicates counts surplus deliveries by their cause.
type Duplicates struct {
	Producer int64 // one record at two offsets: a retry wrote it again
	Graceful int64 // the member that had delivered it left in good order
	Crash    int64 // the member that had delivered it was killed
	Stale    int64 // the partition was revoked from the member that had delivered it
	Other    int64 // the same member delivered it again in the same tenure
}

// Total is the number of surplus deliveries of any cause.
func (d Duplicates) Total() int64 {
	return d.Producer + d.Graceful + d.Crash + d.Stale + d.Other
}

// Add counts surplus deliveries under the name of their cause.
func (d *Duplicates) Add(cause string, n int64) {
	switch cause {
	case causeProducer:
		d.Producer += n
	case causeGraceful:
		d.Graceful += n
	case causeCrash:
		d.Crash += n
	case causeStale:
		d.Stale += n
	default:
		d.Other += n
	}
}

// Redelivery is a run of records that a worker was handed although they had been
// delivered before, from the time At on. Times between those of the first and of the
// last lie evenly.
type Redelivery struct {
	At, LastAt   int64
	Due, LastDue int64
	Worker       string
	Partition    int32
	Count        int64
	Cause        string
}

// redelivery is n records of a span from an index on.
func redelivery(s *record.Span, from, n int64, worker, cause string) Redelivery {
	at := func(first, last, i int64) int64 {
		if s.Count < 2 {
			return first
		}
		return first + int64(float64(last-first)*float64(i)/float64(s.Count-1))
	}
	to := from + n - 1
	return Redelivery{
		At: at(s.At, s.LastAt, from), LastAt: at(s.At, s.LastAt, to), Due: at(s.Due, s.LastDue, from), LastDue: at(s.Due, s.LastDue, to),
		Worker: worker, Partition: s.Partition, Count: n, Cause: cause,
	}
}

// Missing is how many acknowledged records are undelivered.
func (r *Report) Missing() (n int64) {
	for _, c := range r.Undelivered {
		n += c.Count
	}
	return n
}

// Causes lists the counts under the names that rows use for their class.
func (d Duplicates) Causes() []Cause {
	return []Cause{
		{causeProducer, d.Producer}, {causeGraceful, d.Graceful}, {causeCrash, d.Crash},
		{causeStale, d.Stale}, {causeOther, d.Other},
	}
}

// ByCause are the counts by the names of their causes, those that there are.
func (d Duplicates) ByCause() map[string]int64 {
	out := map[string]int64{}
	for _, c := range d.Causes() {
		if c.Count > 0 {
			out[c.Name] = c.Count
		}
	}
	return out
}

// Cause is one cause of duplicates, or of undelivered records, and how many it made.
type Cause struct {
	Name  string
	Count int64
}

const (
	causeProducer = "producer"
	causeGraceful = "graceful"
	causeCrash    = "crash"
	causeStale    = "stale"
	causeOther    = "other"
)

// Example is one finding: a range of records that share a fate. Offset is that
// of the first, -1 where it is not known.
type Example struct {
	What      string // lost, undelivered, duplicate, reordered, corrupt, foreign, unanswered
	Cause     string // of a duplicate, or of what is undelivered
	Worker    string // that delivered them
	Topic     string
	Partition int32
	Producer  uint32
	First     uint64
	Count     uint64
	Offset    int64
}

// nameless says that nobody knows who sent the records, and as what.
func (e Example) nameless() bool { return e.What == "corrupt" || e.What == "foreign" }

// Legal says that the records were redelivered after a kill, as they may be.
func (e Example) Legal() bool { return e.Cause == causeCrash }

// Missing says that the records were acknowledged and not found.
func (e Example) Missing() bool { return e.What == "lost" || e.What == "undelivered" }

// Remark is the example as what is said of it beside the counts.
func (e Example) Remark() results.Remark {
	r := results.Remarkf(results.Kind("audit."+e.What), "%s", e).By(e.Worker).With("records", results.UnitCount, float64(e.Count))
	r.Class = e.Cause
	return r
}

func (e Example) String() string {
	s := e.What
	if e.Cause != "" {
		s += " (" + e.Cause + ")"
	}
	s += fmt.Sprintf(": %s/%d", e.Topic, e.Partition)
	if e.nameless() {
		s += fmt.Sprintf(" offset %d", e.Offset)
		if e.Count > 1 {
			s += fmt.Sprintf("..%d", e.Offset+int64(e.Count)-1)
		}
	} else {
		s += fmt.Sprintf(" producer %d sequence %d", e.Producer, e.First)
		if e.Count > 1 {
			s += fmt.Sprintf("..%d", e.First+e.Count-1)
		}
		if e.Offset >= 0 {
			s += fmt.Sprintf(" at offset %d", e.Offset)
		}
	}
	if e.Worker != "" {
		s += " by " + e.Worker
	}
	return s
}

// Log is what one worker recorded.
type Log struct {
	Worker string
	Topics []string      // that Span.Topic numbers
	Spans  *record.Spans // nil where they are left out
	Killed bool          // by kbench: an act of churn, or a hang
	Died   bool          // it ended by itself or by somebody else, without having been told to
	// Events are those about the group: requests and responses of its APIs, what
	// the client reported, what the coordinator told the observer.
	Events []record.Event
	// Closing is when the worker began to close in good order; zero if it never
	// did. A redelivery after it is the price of a graceful leave, one before it
	// that of a revoke.
	Closing int64
	// Tally is the account that a producer closed with; nil where it left none.
	Tally *record.Tally
}

// abrupt says whether the worker ended without closing first, so that nobody but
// the end of its session took its partitions away.
func (l *Log) abrupt() bool { return l.Killed || l.Died && l.Closing == 0 }

// reopened are the times at which acts had workers close their clients and go on with
// others, by worker.
func reopened(done []results.Act) map[string][]int64 {
	at := map[string][]int64{}
	for _, act := range done {
		if acts.Of(act.Kind).Within {
			at[act.Member] = append(at[act.Member], act.At)
		}
	}
	return at
}

// Check audits what was loaded. It is a pure function of its arguments.
func Check(t *results.Trial, logs []Log) Report {
	c := newChecker(t.Kind == workloads.Producing, t.Topics, logs)
	c.reopened = reopened(t.Acts)
	c.accounts()
	c.redeliveries()
	c.order()
	c.offsets(t)
	c.group(t)
	c.missing(t)
	c.sums()
	return c.report()
}
