package conduct

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// told is a process of which nothing is there but what it was told.
type told struct {
	launch.Process
	lines bytes.Buffer
}

func (p *told) Stdin() io.WriteCloser       { return p }
func (p *told) Write(b []byte) (int, error) { return p.lines.Write(b) }
func (p *told) Close() error                { return nil }

// subscription is what a member has in the end, and how often it was given it.
func (p *told) subscription(t *testing.T) (topics []string, times int) {
	t.Helper()
	joined := false
	for lines := bufio.NewScanner(&p.lines); lines.Scan(); times++ {
		var c worker.Command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if joined != (c.Do == worker.Subscribe) {
			t.Fatalf("a member is told to %s, having joined: %t", c.Do, joined)
		}
		topics, joined = c.Topics, true
	}
	return topics, times
}

// TestEnterWithTheTopicsOfToday: a member that was held while the others
// subscribed to one more topic has it, and one that joined before hears of it
// once.
func TestEnterWithTheTopicsOfToday(t *testing.T) {
	early, late := &told{}, &told{}
	l := &timeline{
		trial: &trial{subscribed: []string{"a"}}, members: map[int]*process{},
		held: map[int]*process{1: {p: early}, 2: {p: late}},
	}
	if err := l.enter(1); err != nil {
		t.Fatal(err)
	}
	topics, members := l.extend("b")
	for _, w := range members {
		if err := launch.Send(w.p, worker.Command{Do: worker.Subscribe, Topics: topics}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.enter(2); err != nil {
		t.Fatal(err)
	}
	if len(members) != 1 || len(l.members) != 2 || len(l.held) != 0 {
		t.Errorf("%d members were there before, %d are there now, %d are held", len(members), len(l.members), len(l.held))
	}
	for p, want := range map[*told]int{early: 2, late: 1} {
		if got, times := p.subscription(t); !slices.Equal(got, []string{"a", "b"}) || times != want {
			t.Errorf("a member has %q, told %d times, want %d", got, times, want)
		}
	}
}

// TestCommittedIsHandled: a commit tells that its records were handled, but where
// the client commits by itself.
func TestCommittedIsHandled(t *testing.T) {
	observer := &process{last: map[string]worker.Report{worker.Group: {Say: worker.Group, View: &record.GroupView{Commits: map[int32]int64{0: 7}}}}}
	for mode, want := range map[string]int64{"auto": 0, "marked": 7, "sync": 7} {
		tr := &trial{workers: []*process{observer}}
		tr.plan.Spec = workloads.Default()
		tr.plan.Spec.Consume.Commit.Mode = mode
		if got := tr.committed()[0]; got != want {
			t.Errorf("commit mode %s: %d records are taken for handled, want %d", mode, got, want)
		}
	}
}

// TestGroupTime: brokers know whole ms, and what is lost below them is no lie.
func TestGroupTime(t *testing.T) {
	f := func(want, got time.Duration, lie bool) {
		t.Helper()
		if c := groupTime(drivers.KeyHeartbeat, want, got); c.Lie != lie || c.OK == lie {
			t.Errorf("%s asked and %s seen: %+v, want a lie: %t", want, got, c, lie)
		}
	}
	f(100*time.Millisecond, 100*time.Millisecond, false)
	f(100*time.Millisecond+500*time.Microsecond, 100*time.Millisecond, false)
	f(100*time.Millisecond, 101*time.Millisecond, true)
	f(100*time.Millisecond, 99*time.Millisecond, true)
}
