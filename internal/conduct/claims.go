package conduct

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// seen is what one worker's tap saw of the settings that the wire carries.
type seen struct {
	values     map[string]map[string]int // key to value to how often
	maxRecords int32
	beats      map[string][]int64 // times of heartbeats by member
	requests   map[kmsg.Key]bool  // what was asked at all
}

// readWire collects what the tap of a worker saw.
func readWire(eventsFile string) (*seen, error) {
	s := &seen{values: make(map[string]map[string]int), beats: make(map[string][]int64), requests: make(map[kmsg.Key]bool)}
	note := func(key, value string) {
		if s.values[key] == nil {
			s.values[key] = make(map[string]int)
		}
		s.values[key][value]++
	}
	num := func(key string, n int64) { note(key, strconv.FormatInt(n, 10)) }
	err := record.ReadEvents(eventsFile, func(e record.Event) error {
		switch e.K {
		case record.EvWire:
			for _, w := range e.Wire {
				if w.Requests > 0 {
					s.requests[kmsg.Key(w.API)] = true
				}
			}
		case record.EvProduce:
			if e.Acks != nil {
				num(drivers.KeyAcks, int64(*e.Acks))
			}
			num(drivers.KeyAckTimeout, int64(e.TimeoutMs))
			for _, b := range e.Batches {
				note(drivers.KeyCodec, b.Codec)
				s.maxRecords = max(s.maxRecords, b.Records)
			}
		case record.EvFetch:
			if e.MaxWaitMs != nil {
				num(drivers.KeyFetchWait, int64(*e.MaxWaitMs))
			}
			if e.MinBytes != nil {
				num(drivers.KeyFetchMin, int64(*e.MinBytes))
			}
			num(drivers.KeyFetchMax, int64(e.MaxBytes))
			if e.PartitionMaxBytes > 0 {
				num(drivers.KeyFetchMaxPartition, int64(e.PartitionMaxBytes))
			}
			if e.Isolation != nil {
				num(drivers.KeyIsolation, int64(*e.Isolation))
			}
		case record.EvRequest:
			switch kmsg.Key(e.API) {
			case kmsg.JoinGroup:
				num(drivers.KeySession, int64(e.SessionMs))
				num(drivers.KeyRebalance, int64(e.RebalanceMs))
				note(drivers.KeyAssignors, strings.Join(e.Protocols, ","))
				note(drivers.KeyStatic, strconv.FormatBool(e.Instance != ""))
				note(drivers.KeyProtocol, "classic")
			case kmsg.ConsumerGroupHeartbeat:
				note(drivers.KeyProtocol, "consumer")
				// A beat has only what is new, and the one that joins has all of it.
				if e.RebalanceMs > 0 {
					num(drivers.KeyRebalance, int64(e.RebalanceMs))
				}
				if len(e.Protocols) > 0 {
					note(drivers.KeyAssignors, strings.Join(e.Protocols, ","))
				}
				if e.Generation == 0 {
					note(drivers.KeyStatic, strconv.FormatBool(e.Instance != ""))
				}
				s.beats[e.Member] = append(s.beats[e.Member], e.T)
			case kmsg.Heartbeat:
				s.beats[e.Member] = append(s.beats[e.Member], e.T)
			}
		}
		return nil
	})
	return s, err
}

// beat is the median time between heartbeats in ms, 0 below three of them.
func (s *seen) beat() int64 {
	var gaps []int64
	for _, ts := range s.beats {
		for i := 1; i < len(ts); i++ {
			gaps = append(gaps, (ts[i]-ts[i-1])/1e6)
		}
	}
	if len(gaps) < 3 {
		return 0
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// check compares the claims for one worker with what its tap saw. A value on
// the wire that contradicts its claim is a lie and fails the trial. Heartbeats
// and full batches depend on more than the setting, so there a difference is
// noted and printed.
func check(worker string, role results.Role, spec *workloads.Spec, plan []results.PlanLine, s *seen) []results.WireCheck {
	var out []results.WireCheck
	for _, p := range plan {
		if p.Claim == "" || p.Role != role {
			continue
		}
		c := results.WireCheck{Worker: worker, Key: p.Key, Claim: p.Claim}
		switch p.Key {
		case drivers.KeyBatchRecords:
			checkBatch(&c, spec, s.maxRecords)
		case drivers.KeyHeartbeat:
			got := s.beat()
			if got == 0 {
				c.OK, c.Note = true, "too few heartbeats to tell"
				break
			}
			want, _ := strconv.ParseInt(p.Claim, 10, 64)
			c.Seen = strconv.FormatInt(got, 10)
			c.OK = got*4 >= want*3 && got*4 <= want*5
			if !c.OK {
				c.Note = "median time between heartbeats is more than 25% off"
			}
		default:
			var odd []string
			for v := range s.values[p.Key] {
				// An incompressible batch may be sent as it is.
				if v != p.Claim && !s.counted(p) && !(p.Key == drivers.KeyCodec && v == "none" && s.values[p.Key][p.Claim] > 0) {
					odd = append(odd, v)
				}
			}
			slices.Sort(odd)
			switch {
			case len(odd) > 0:
				c.Seen, c.Lie = strings.Join(odd, " and "), true
			case len(s.values[p.Key]) == 0:
				c.OK, c.Note = true, "not seen on the wire"
			default:
				c.Seen, c.OK = p.Claim, true
			}
		}
		out = append(out, c)
	}
	return out
}

// untapped is what a worker has to show for that its tap knows nothing of: where
// a client did not dial through the tap, no claim of it was ever held against
// anything. Empty: there is nothing of the kind.
func untapped(worker, deliveries string, s *seen) (string, error) {
	var acked, read uint64
	if _, err := record.EachSpan(deliveries, func(p record.Span) {
		switch p.Kind {
		case record.Acked:
			acked += uint64(p.Count)
		case record.Delivered, record.Corrupt:
			read += uint64(p.Count)
		}
	}); err != nil {
		return "", err
	}
	var out []string
	for _, c := range []struct {
		count    uint64
		did, api string
		any      []kmsg.Key
	}{
		{acked, "had %d records acked", "Produce", []kmsg.Key{kmsg.Produce}},
		{read, "read %d records", "Fetch", []kmsg.Key{kmsg.Fetch}},
		{read, "read %d records of its group", "JoinGroup", []kmsg.Key{kmsg.JoinGroup, kmsg.ConsumerGroupHeartbeat}},
	} {
		if c.count > 0 && !slices.ContainsFunc(c.any, func(k kmsg.Key) bool { return s.requests[k] }) {
			out = append(out, fmt.Sprintf("the tap saw no %s request of %s, which "+c.did, c.api, worker, c.count))
		}
	}
	return strings.Join(out, "; "), nil
}

// checkBatch wants the largest batch to be within 5% of the cap, where the loop
// is closed and the window is wide enough to fill two batches of a partition.
func checkBatch(c *results.WireCheck, spec *workloads.Spec, largest int32) {
	limit, err := strconv.ParseInt(c.Claim, 10, 64)
	if err != nil || limit <= 0 {
		c.OK = true
		return
	}
	if largest == 0 {
		c.OK, c.Note = true, "no batch was sampled"
		return
	}
	c.Seen = strconv.Itoa(int(largest))
	over := int64(largest)*100 > limit*105
	under := int64(largest)*100 < limit*95
	fills := spec.Produce.Rate.Max && int64(spec.Produce.Window/spec.Topic.Partitions) >= 2*limit
	switch {
	case over:
		c.Lie = true
	case under && fills:
		c.Note = fmt.Sprintf("the window could fill %d records, the largest batch had %d", limit, largest)
	default:
		c.OK = true
	}
}

// lies lists the claims that the wire contradicted.
func lies(checks []results.WireCheck) []string {
	var out []string
	for _, c := range checks {
		if c.Lie {
			out = append(out, fmt.Sprintf("%s: %s claimed as %s, on the wire %s", c.Worker, c.Key, c.Claim, c.Seen))
		}
	}
	return out
}

// counted says whether the values on the wire are the claim, less what a client
// counted down between setting a timeout and sending it, which the plan says by
// calling it approximate. Such a timeout never goes out longer. On a machine that
// stands still some go out much shorter; that most of them do is a lie.
func (s *seen) counted(p results.PlanLine) bool {
	if p.Fidelity != string(drivers.Approx) || (p.Key != drivers.KeyAckTimeout && p.Key != drivers.KeyFetchWait) {
		return false
	}
	want, err := strconv.ParseInt(p.Claim, 10, 64)
	if err != nil {
		return false
	}
	near, all := 0, 0
	for v, n := range s.values[p.Key] {
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
