package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
)

// judge holds what was reported against what was injected. It is a pure function
// of the evidence.
type judge func(Evidence) verdict

// verdict says in words what was injected and reported, and what is wrong about
// that.
type verdict struct {
	injected, reported string
	wrong              []string
	excess             *Excess // of a stop
}

// off adds something that is wrong.
func (v *verdict) off(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

// measured adds the gap of a stop, and whether it is too short or too long.
func (v *verdict) measured(x Excess, than string) {
	v.excess, v.reported = &x, x.String()
	if !x.OK() {
		v.off("the gap must be %s to %s longer than %s; the machine itself was late by up to %s", round(x.Least), round(x.Most), than, round(x.Canary))
	}
}

// found is all that the audit counted, in words.
func (e Evidence) found() string {
	if e.State != results.StateComplete {
		return clip(string(e.State) + ": " + firstLine(e.Error))
	}
	var parts []string
	for _, metric := range slices.Sorted(maps.Keys(e.Counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", metric, e.Counts[metric]))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// others are findings but for those expected.
func (e Evidence) others(expected ...string) (wrong []string) {
	if e.State != results.StateComplete {
		return []string{"the trial is " + string(e.State) + ": " + firstLine(e.Error)}
	}
	for _, metric := range slices.Sorted(maps.Keys(e.Counts)) {
		if !slices.Contains(expected, metric) {
			wrong = append(wrong, fmt.Sprintf("%s is %d where nothing of the kind was injected", metric, e.Counts[metric]))
		}
	}
	return wrong
}

// hits is how many records a fault hits that counts by partition.
func hits(e Evidence) (n int64) {
	for _, end := range e.Ends {
		n += end / every
	}
	return n
}

// count expects exactly as many findings as records were hit, and no other.
func count(kind faulty.Kind, metric string, want func(Evidence) int64) judge {
	verb := map[faulty.Kind]string{
		faulty.Drop: "not delivered", faulty.Duplicate: "delivered twice", faulty.Reorder: "swapped with their successors",
		faulty.Corrupt: "damaged", faulty.Swallow: "acked and never sent", faulty.AckTwice: "acked twice",
	}[kind]
	return func(e Evidence) verdict {
		n := want(e)
		wrong := e.others(metric)
		switch {
		case n == 0:
			wrong = append(wrong, "no record was hit, so that nothing was tested")
		case e.State == results.StateComplete && e.Counts[metric] != n:
			wrong = append(wrong, fmt.Sprintf("%s is %d, not %d", metric, e.Counts[metric], n))
		}
		return verdict{injected: fmt.Sprintf("%d records %s", n, verb), reported: e.found(), wrong: wrong}
	}
}

// earlyAck expects that acks are seen before anything was on the wire.
func earlyAck(e Evidence) verdict {
	wrong := e.others()
	reported := "no ack before the first Produce request"
	if early := e.early(); early > 0 {
		reported = fmt.Sprintf("first ack %s before the first Produce request", round(early))
	} else {
		wrong = append(wrong, "acks that came before their records were sent are not seen")
	}
	return verdict{injected: "every record acked before it is sent", reported: reported, wrong: wrong}
}

// early is by how much the first ack came before the first request that could
// have earned it.
func (e Evidence) early() int64 {
	if e.FirstAck == 0 || e.FirstProduce == 0 {
		return 0
	}
	return e.FirstProduce - e.FirstAck
}

// commits expects that in every partition the last commit is off the end, behind
// it or beyond, as sign says.
func commits(sign int) judge {
	injected := "commits one mark behind"
	if sign > 0 {
		injected = "commits one record ahead"
	}
	return func(e Evidence) verdict {
		wrong := e.others()
		off := 0
		for _, p := range slices.Sorted(maps.Keys(e.Ends)) {
			if d := e.Committed[p] - e.Ends[p]; d < 0 && sign < 0 || d > 0 && sign > 0 {
				off++
			} else {
				wrong = append(wrong, fmt.Sprintf("partition %d: the last commit is %d and the end %d", p, e.Committed[p], e.Ends[p]))
			}
		}
		if len(e.Ends) == 0 {
			wrong = append(wrong, "no end offset is known")
		}
		where := map[int]string{-1: "behind", 1: "beyond"}[sign]
		return verdict{injected: injected, reported: fmt.Sprintf("last commit %s the end in %d of %d partitions", where, off, len(e.Ends)), wrong: wrong}
	}
}

// lie expects what the tap saw to be called a lie, in a trial that has figures.
func lie(e Evidence) verdict {
	var wrong []string
	if e.State != results.StateComplete {
		wrong = e.others()
	}
	for _, key := range []string{drivers.KeyAcks, drivers.KeyFetchWait} {
		if !slices.Contains(e.Lies, key) {
			wrong = append(wrong, key+" is not called a lie")
		}
	}
	return verdict{injected: "acks and fetch wait other than planned", reported: e.found(), wrong: wrong}
}

// hangFound expects that the trial fails by name of the worker, and in time.
func hangFound(e Evidence) verdict {
	return verdict{injected: "Close never returns", reported: e.found(), wrong: failedBy(e, "worker ", "within")}
}

func failedBy(e Evidence, words ...string) (wrong []string) {
	if e.State != results.StateFailed {
		return []string{"the trial is " + string(e.State) + ", not failed"}
	}
	for _, w := range words {
		if !strings.Contains(e.Error, w) {
			wrong = append(wrong, fmt.Sprintf("the error does not say %q", w))
		}
	}
	return wrong
}

// stuckFound expects the partition to be called stuck; what lies behind the
// stuck record is undelivered.
func stuckFound(e Evidence) verdict {
	wrong := e.others(results.AuditStuck, results.AuditUndelivered)
	if e.State == results.StateComplete && e.Counts[results.AuditStuck] == 0 {
		wrong = append(wrong, results.AuditStuck+" is 0")
	}
	return verdict{injected: "the partition stops for good", reported: e.found(), wrong: wrong}
}

// zombieFound expects the one delivery by the old owner to be told from the duplicates
// that a rebalance may cause. A client that tells of no revokes may, by itself,
// commit once more what it no longer owns; that is rightly found.
func zombieFound(tellsRevokes bool) judge {
	legal := []string{results.AuditZombie, results.AuditDuplicate, results.AuditOverlap}
	if !tellsRevokes {
		legal = append(legal, results.AuditCommitRegression)
	}
	return func(e Evidence) verdict {
		wrong := e.others(legal...)
		if n := e.Counts[results.AuditZombie]; e.State == results.StateComplete && n != 1 {
			wrong = append(wrong, fmt.Sprintf("%s is %d, not 1", results.AuditZombie, n))
		}
		return verdict{injected: fmt.Sprintf("the old owner delivers a record %s after the revoke", zombieDelay), reported: e.found(), wrong: wrong}
	}
}

// rewindFound expects the commit that goes back to be seen on the wire.
func rewindFound(e Evidence) verdict {
	wrong := e.others(results.AuditCommitRegression)
	if e.State == results.StateComplete && e.Counts[results.AuditCommitRegression] == 0 {
		wrong = append(wrong, results.AuditCommitRegression+" is 0")
	}
	return verdict{injected: "a commit lower than the one before", reported: e.found(), wrong: wrong}
}

// quiet expects nothing.
func quiet(e Evidence) verdict {
	wrong := e.others()
	if early := e.early(); early > 0 {
		wrong = append(wrong, fmt.Sprintf("the first ack came %s before the first Produce request", round(early)))
	}
	for _, p := range slices.Sorted(maps.Keys(e.Ends)) {
		if e.Committed[p] != e.Ends[p] {
			wrong = append(wrong, fmt.Sprintf("partition %d: the last commit is %d and the end %d", p, e.Committed[p], e.Ends[p]))
		}
	}
	if e.State == results.StateComplete && e.Sent == 0 {
		wrong = append(wrong, "no record was sent, so that nothing was tested")
	}
	if e.Pauses != nil {
		if n := len(e.Pauses.Events); n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d events are reported", n))
		}
		if n := e.Pauses.Generations; n > 0 {
			wrong = append(wrong, fmt.Sprintf("the group is said to have rebalanced %d times", n))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(e.Worst)) {
		if e.Stalls == nil {
			break
		}
		r := e.Worst[p]
		if most, sum, covered := blame.Covered(r.Late(), e.Stalls.Have(p, e.Owners[p], r)); covered && most.Source != blame.SourceMachine {
			wrong = append(wrong, fmt.Sprintf("%s of lateness are blamed on %s", round(sum), most.Name()))
		}
	}
	return verdict{injected: "nothing", reported: e.found(), wrong: wrong}
}

// tolerance is how much longer a reported gap may be than the stop, beside the
// interval of the records: the worst canary of that stretch counts.
type tolerance func(canary int64) int64

// exactTolerance is for a driver that costs nothing, realTolerance for a client
// with its linger, its broker and its fetches.
func exactTolerance(int64) int64 { return int64(2 * time.Millisecond) }

func realTolerance(canary int64) int64 { return max(int64(20*time.Millisecond), canary) }

// The bounds in words.
var (
	exactBound = fmt.Sprintf("no shorter than the stop, and longer by at most one record interval (%s) and 2ms", stopInterval)
	realBound  = fmt.Sprintf("no shorter than the stop, and longer by at most one record interval (%s) and 20ms, or the worst canary where that is more", stopInterval)
)

// Excess is what a reported gap has beside what explains it, and what it may
// have. All are ns.
type Excess struct {
	Stop   int64 `json:"stop"` // as the injector measured it
	Gap    int64 `json:"gap"`  // as kbench reports it
	Over   int64 `json:"over"` // the gap less the stop, or less the floor where a member was evicted
	Least  int64 `json:"least"`
	Most   int64 `json:"most"`
	Canary int64 `json:"canary"` // how late the machine itself was around the stop
	// Tolerance is what Most grants to an idle machine; a canary beyond it tells
	// that the machine itself was in the way.
	Tolerance int64 `json:"tolerance"`
}

// OK reports whether the excess is within its bounds.
func (x Excess) OK() bool { return x.Least <= x.Over && x.Over <= x.Most }

// worse reports whether x tells more against the instrument than y: by how far
// it is out of its bounds or, where both are within, by how long it is.
func (x Excess) worse(y Excess) bool {
	if !x.OK() || !y.OK() {
		return x.beyond() > y.beyond()
	}
	return x.Over > y.Over
}

// beyond is how far the excess is out of its bounds; not above 0 within them.
func (x Excess) beyond() int64 { return max(x.Over-x.Most, x.Least-x.Over) }

func (x Excess) String() string {
	return fmt.Sprintf("gap %s (%s; canary %s)", round(x.Gap), signed(x.Over), round(x.Canary))
}

// gap expects the partition gap to be as long as the stop: never shorter, as the
// record that is held up was due before, and longer by no more than an interval
// of the records and a tolerance. The machine may be late from when that record
// was due until it was delivered.
func gap(allowed tolerance) judge {
	return func(e Evidence) (v verdict) {
		v.wrong = e.others()
		v.injected, v.reported = "a stop", e.found()
		if len(e.Stops) != 1 {
			v.off("the injector wrote down %d stops, not 1", len(e.Stops))
			return v
		}
		s := e.Stops[0]
		v.injected = "a stop of " + round(s.Length)
		if stamped := s.To - s.From; stamped < s.Length {
			// The stamps enclose the stop.
			v.off("by the worker's clock the stop took %s", round(stamped))
		}
		r, ok := e.Worst[s.Partition]
		if !ok {
			v.off("partition %d has no record in the measured part", s.Partition)
			return v
		}
		canary := e.worstCanary(min(s.From, r.Due), max(s.To, r.At), "")
		v.measured(Excess{
			Stop: s.Length, Gap: r.Late(), Over: r.Late() - s.Length, Most: int64(stopInterval) + allowed(canary), Canary: canary, Tolerance: allowed(0),
		}, "the stop")
		return v
	}
}

func round(ns int64) string { return time.Duration(ns).Round(100 * time.Microsecond).String() }

func signed(ns int64) string {
	if ns < 0 {
		return round(ns)
	}
	return "+" + round(ns)
}

// clip keeps a column of a table narrow; the run has the rest.
func clip(s string) string {
	const most = 72
	if r := []rune(s); len(r) > most {
		return string(r[:most-3]) + "..."
	}
	return s
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
