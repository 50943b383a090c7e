package arm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Check holds the claims for one worker against what its tap saw. A value on the
// wire that contradicts its claim is a lie, and keeps a trial out of verdicts.
// Heartbeats and full batches depend on more than the setting, so there a difference
// is noted and printed. What was not seen is no lie.
func (w *Wire) Check(worker string, role results.Role, spec *workloads.Spec, plan []results.PlanLine) []results.WireCheck {
	var out []results.WireCheck
	for _, p := range plan {
		if p.Claim == "" || p.Role != role {
			continue
		}
		c := results.WireCheck{Worker: worker, Key: p.Key, Claim: p.Claim}
		switch p.Key {
		case drivers.KeyBatchRecords:
			w.checkBatch(&c, spec)
		case drivers.KeyHeartbeat:
			w.checkBeat(&c)
		default:
			w.checkValues(&c, p, spec)
		}
		out = append(out, c)
	}
	return out
}

// checkValues wants no value but the one that is claimed.
func (w *Wire) checkValues(c *results.WireCheck, p results.PlanLine, spec *workloads.Spec) {
	seen := w.values[p.Key]
	var odd []string
	for v := range seen {
		asItIs := p.Key == drivers.KeyCodec && v == plain && !w.mustShrink(&spec.Records)
		if v != p.Claim && !asItIs && !w.counted(p) {
			odd = append(odd, v)
		}
	}
	slices.Sort(odd)
	switch {
	case len(odd) > 0:
		c.Seen, c.Lie = strings.Join(odd, " and "), true
	case len(seen) == 0:
		c.OK, c.Note = true, "not seen on the wire"
	case seen[p.Claim] == 0 && seen[plain] > 0:
		c.OK, c.Note = true, "not told: no batch was large enough, or of such data, that every codec makes it smaller"
	default:
		c.Seen, c.OK = p.Claim, true
	}
}

// Bounds of what every codec makes smaller. A batch that does not shrink may be sent
// as it is; whether it does is decided by its data, not by the setting. With a tenth
// of the bytes redundant all codecs save some from 500 bytes on.
const (
	shrinkEntropy = 0.9
	shrinkBytes   = 2 << 10
)

// mustShrink says whether a batch that went uncompressed would have been smaller
// with any codec. Keys are as random as their numbers are, and taken for random.
func (w *Wire) mustShrink(r *workloads.Records) bool {
	key, value := 0.0, r.Size.Mean()
	if r.Keys.Kind != "none" {
		key = float64(r.Keys.Size)
	}
	return key+r.Entropy*value <= shrinkEntropy*(key+value) && w.maxPlain >= shrinkBytes
}

// counted says whether the values on the wire are the claim, less what a client
// counted down between setting a timeout and sending it, which the plan says by
// calling it approximate. Such a timeout never goes out longer. On a machine that
// stands still some go out much shorter; that most of them do is a lie.
func (w *Wire) counted(p results.PlanLine) bool {
	if p.Fidelity != string(drivers.Approx) || (p.Key != drivers.KeyAckTimeout && p.Key != drivers.KeyFetchWait) {
		return false
	}
	want, err := strconv.ParseInt(p.Claim, 10, 64)
	if err != nil {
		return false
	}
	near, all := 0, 0
	for v, n := range w.values[p.Key] {
		got, err := strconv.ParseInt(v, 10, 64)
		if err != nil || got > want {
			return false
		}
		if all += n; got > want/2 {
			near += n
		}
	}
	return 2*near > all
}

// checkBeat wants the median time between heartbeats to be within 25% of the
// claim.
func (w *Wire) checkBeat(c *results.WireCheck) {
	got := w.between()
	if got == 0 {
		c.OK, c.Note = true, "too few heartbeats to tell"
		return
	}
	want, _ := strconv.ParseInt(c.Claim, 10, 64)
	c.Seen = strconv.FormatInt(got, 10)
	c.OK = got*4 >= want*3 && got*4 <= want*5
	if !c.OK {
		c.Note = "median time between heartbeats is more than 25% off"
	}
}

// checkBatch wants the largest batch to be within 5% of the cap, where the loop
// is closed and the window is wide enough to fill two batches of a partition.
func (w *Wire) checkBatch(c *results.WireCheck, spec *workloads.Spec) {
	limit, err := strconv.ParseInt(c.Claim, 10, 64)
	if err != nil || limit <= 0 {
		c.OK = true
		return
	}
	if w.maxRecords == 0 {
		c.OK, c.Note = true, "no batch was sampled"
		return
	}
	largest := int64(w.maxRecords)
	c.Seen = strconv.FormatInt(largest, 10)
	fills := spec.Produce.Rate.Max && int64(spec.Produce.Window/spec.Topic.Partitions) >= 2*limit
	switch {
	case largest*100 > limit*105:
		c.Lie = true
	case fills && largest*100 < limit*95:
		c.Note = fmt.Sprintf("the window could fill %d records, the largest batch had %d", limit, largest)
	default:
		c.OK = true
	}
}

// Lies lists the claims that the wire contradicted.
func Lies(checks []results.WireCheck) []string {
	var out []string
	for _, c := range checks {
		if c.Lie {
			out = append(out, c.String())
		}
	}
	return out
}
