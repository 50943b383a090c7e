package conduct

import (
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// TestStuck: a member is accused once of the partitions that it owns, of which there
// is something, and of which nothing is handed on, while it sends heartbeats.
func TestStuck(t *testing.T) {
	const sec = int64(time.Second)
	type step struct {
		end, next, beaten int64
		owner             string
		absent            bool
	}
	f := func(what string, want []int64, steps ...step) {
		t.Helper()
		spec := workloads.Default()
		spec.Group.Heartbeat, spec.Consume.Handler.Lanes = 3*time.Second, drivers.LanesPartition
		s := newStuck(5*time.Second, &spec)
		var got []int64
		for i, st := range steps {
			now := int64(i+1) * sec
			v := &record.GroupView{Members: []record.GroupMember{{Worker: st.owner, Parts: []int32{4}}}, Ends: map[int32]int64{4: st.end}}
			if a, ok := s.see(now, v, map[string]member{"a": {next: map[int32]int64{4: st.next}, beaten: st.beaten * sec, absent: st.absent}, "b": {beaten: now}})[st.owner]; ok {
				got = append(got, now/sec)
				if !slices.Equal(a.parts, []int32{4}) || a.since != now-5*sec {
					t.Errorf("%s: accused of %v since %d at %d", what, a.parts, a.since, now)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: accused at %v s, want %v", what, got, want)
		}
	}
	still := func(n int) []step {
		return slices.Repeat([]step{{end: 9, next: 5, beaten: 1, owner: "a"}}, n)
	}
	f("it stands still", []int64{6}, still(8)...)
	f("it moves at last", nil, append(still(5), step{end: 9, next: 6, beaten: 6, owner: "a"})...)
	f("it has moved, and stands still again", []int64{6, 12}, append(still(6), slices.Repeat([]step{{end: 9, next: 6, beaten: 9, owner: "a"}}, 7)...)...)
	f("there is nothing more", nil, slices.Repeat([]step{{end: 5, next: 5, beaten: 1, owner: "a"}}, 9)...)
	f("another has it", nil, append(still(5), step{end: 9, next: 5, owner: "b"})...)
	f("it is stopped on purpose", nil, slices.Repeat([]step{{end: 9, next: 5, beaten: 1, owner: "a", absent: true}}, 9)...)
	f("it sends no heartbeats", nil, slices.Repeat([]step{{end: 9, next: 5, beaten: -20, owner: "a"}}, 9)...)
	f("nobody of ours has it", nil, slices.Repeat([]step{{end: 9, next: 5, beaten: 1, owner: "c"}}, 9)...)
}

// TestStuckSerial: a member that handles one record at a time and is busy with those of
// one partition is not stuck in the others; one that hands on nothing at all is, and so
// is one whose lanes go on by themselves. Where members begin at the end, what was there
// before is none of theirs.
func TestStuckSerial(t *testing.T) {
	f := func(what string, change func(*workloads.Consume), busy int64, began int64, want []int32) {
		t.Helper()
		spec := workloads.Default()
		spec.Group.Heartbeat = 3 * time.Second
		change(&spec.Consume)
		s := newStuck(5*time.Second, &spec)
		v := &record.GroupView{Members: []record.GroupMember{{Worker: "a", Parts: []int32{1, 0}}}, Ends: map[int32]int64{0: 1000, 1: 1000}}
		var got []int32
		for i := int64(1); i <= 12; i++ {
			now := i * int64(time.Second)
			next := map[int32]int64{0: began + busy*i, 1: began}
			got = append(got, s.see(now, v, map[string]member{"a": {next: next, beaten: now}})["a"].parts...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: accused of %v, want %v", what, got, want)
		}
	}
	member := func(c *workloads.Consume) { c.Handler.Lanes = drivers.LanesMember }
	f("busy with another partition", member, 10, 5, nil)
	f("busy with nothing", member, 0, 5, []int32{0, 1})
	f("lanes of their own", func(c *workloads.Consume) { c.Handler.Lanes = drivers.LanesPartition }, 10, 5, []int32{1})
	f("begun at the end", func(c *workloads.Consume) { member(c); c.Start = "latest" }, 0, 0, nil)
	f("slow by itself", func(c *workloads.Consume) { member(c); c.Handler.Time = 5 * time.Second }, 0, 5, nil)
}
