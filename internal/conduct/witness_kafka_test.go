package conduct_test

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads"
)

// said is one line of the group coordinator of Apache Kafka.
type said struct {
	at     time.Time // to the millisecond, cut off
	group  string
	member string
	what   string
	number int32 // generation or epoch
	count  int   // of members
}

// coordinatorLines are those that the tests understand: the kind, and which
// groups of the pattern are group, member, number and count.
var coordinatorLines = []struct {
	what                         string
	pattern                      *regexp.Regexp
	group, member, number, count int
}{
	{"stable", regexp.MustCompile(`Stabilized group (\S+) generation (\d+) with (\d+) members`), 1, 0, 2, 3},
	{"evicted", regexp.MustCompile(`Member (\S+) in group (\S+) has failed, removing it from the group`), 2, 1, 0, 0},
	{"left", regexp.MustCompile(`\[Group (\S+)\] Member (\S+) has left group through explicit`), 1, 2, 0, 0},
	{"epoch", regexp.MustCompile(`\[GroupId (\S+)\] Bumped group epoch to (\d+)`), 1, 0, 2, 0},
	{"evicted", regexp.MustCompile(`\[GroupId (\S+)\] Member (\S+) fenced from the group because the member session expired`), 1, 2, 0, 0},
	{"left", regexp.MustCompile(`\[GroupId (\S+)\] Member (\S+) left the consumer group`), 1, 2, 0, 0},
	{"joined", regexp.MustCompile(`\[GroupId (\S+)\] Member (\S+) joins the consumer group`), 1, 2, 0, 0},
	{"joined", regexp.MustCompile(`Pending dynamic member with id (\S+) joins group (\S+) in`), 2, 1, 0, 0},
}

var lineStart = regexp.MustCompile(`(?m)^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) INFO GroupMetadataManager: (.*)$`)

func coordinatorLog(t *testing.T, dir string) []said {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "kbench-kafka-*", "node*", "log.txt"))
	if err != nil || len(files) == 0 {
		t.Errorf("no log of a node below %s: %v", dir, err)
	}
	var out []said
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		for _, m := range lineStart.FindAllStringSubmatch(string(text), -1) {
			at, err := time.ParseInLocation("2006-01-02 15:04:05,000", m[1], time.UTC)
			if err != nil {
				t.Error(err)
			}
			out = append(out, understood(at, m[2])...)
		}
	}
	slices.SortStableFunc(out, func(a, b said) int { return a.at.Compare(b.at) })
	return out
}

// understood is what a line of the log says.
func understood(at time.Time, line string) (out []said) {
	for _, l := range coordinatorLines {
		f := l.pattern.FindStringSubmatch(line)
		if f == nil {
			continue
		}
		s := said{at: at, what: l.what, group: f[l.group]}
		if l.member > 0 {
			s.member = f[l.member]
		}
		if l.number > 0 {
			n, _ := strconv.ParseInt(f[l.number], 10, 32) // digits, by the pattern
			s.number = int32(n)
		}
		if l.count > 0 {
			s.count, _ = strconv.Atoi(f[l.count])
		}
		out = append(out, s)
	}
	return out
}

// logTick is what the order of a line in the log and a moment of a tap is known
// to: the log cuts its times off to a millisecond, and a tap's are turned into
// wall time by the latest reading of both clocks, which may be slewed since.
const logTick = 5 * time.Millisecond

// TestWitnessKafka: the log of Apache Kafka's group coordinator, for a group of
// either protocol.
func TestWitnessKafka(t *testing.T) {
	needKafka(t)
	specs := []workloads.Spec{coming(t, "witness-classic", "classic", "range"), coming(t, "witness-consumer", "consumer", "uniform")}
	tmp := t.TempDir()
	o := options(t.Name(), t.TempDir(), trials(specs, "franz-go"))
	o.Broker.Kind, o.Broker.Nodes = cluster.Kafka, 1
	o.Launcher = &spy{brokerTmp: tmp}
	var log []said
	o.Progress = &hook{ended: func(results.TrialRef) { log = coordinatorLog(t, tmp) }}
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Error(err)
	}
	got.wantStates(t, "complete", "complete")
	for _, trial := range got.trials {
		t.Run(trial.Spec.Group.Protocol, func(t *testing.T) {
			w := tapOf(t, got, trial)
			own := slices.DeleteFunc(slices.Clone(log), func(s said) bool { return s.group != trial.Group })
			inside := func(s said) bool { return s.at.After(w.wall(w.measured.From)) && s.at.Before(w.wall(w.measured.To)) }
			if trial.Spec.Group.Protocol == "classic" {
				wantGenerations(t, w, own, inside)
			} else {
				wantEpochs(t, w, own, inside)
			}
			wantMoments(t, w, own)
		})
	}
}

// wantGenerations checks that log and taps have the same generations with as
// many members, and in an order that can be.
func wantGenerations(t *testing.T, w *tap, log []said, inside func(said) bool) {
	t.Helper()
	gens := w.generations()
	var numbers []int32
	for _, s := range log {
		if s.what != "stable" || !s.at.Before(w.wall(w.measured.To)) {
			continue
		}
		if inside(s) {
			numbers = append(numbers, s.number)
		}
		g := gens[s.number]
		if g == nil {
			t.Errorf("generation %d is in the log, and no tap saw it", s.number)
			continue
		}
		if s.count != len(g.members) {
			t.Errorf("generation %d: %d members by the log, %v by the taps", s.number, s.count, slices.Sorted(maps.Keys(g.members)))
		}
		if d := s.at.Sub(w.wall(g.joined)); d > logTick {
			t.Errorf("generation %d: a response of it was read %s before the broker had it", s.number, d)
		}
		if d := w.wall(g.joinAsked).Sub(s.at); d > logTick+w.noted() {
			t.Errorf("generation %d: the broker had it %s before the last member asked to join it", s.number, d)
		}
	}
	if !slices.Equal(numbers, w.in()) || len(numbers) != 3 {
		t.Errorf("generations of the measured part: %d by the log, %d by the taps, want three", numbers, w.in())
	}
}

// wantEpochs checks that every epoch that a member was told is in the log, and
// the other way round.
func wantEpochs(t *testing.T, w *tap, log []said, inside func(said) bool) {
	t.Helper()
	told := map[int32]int64{} // when first
	for _, worker := range w.Workers {
		for _, c := range worker.Calls {
			if c.API == group.ConsumerGroupHeartbeat && c.Resp != 0 && c.Err == 0 && c.Epoch > 0 {
				told[c.Epoch] = earliest(told[c.Epoch], c.Resp)
			}
		}
	}
	var bumped, seen []int32
	for _, s := range log {
		if s.what != "epoch" {
			continue
		}
		if inside(s) {
			bumped = append(bumped, s.number)
		}
		if at := told[s.number]; at != 0 && s.at.Sub(w.wall(at)) > logTick {
			t.Errorf("epoch %d: a member was told of it %s before the broker had it", s.number, s.at.Sub(w.wall(at)))
		}
	}
	for _, epoch := range slices.Sorted(maps.Keys(told)) {
		if told[epoch] > w.measured.From && told[epoch] < w.measured.To {
			seen = append(seen, epoch)
		}
	}
	if !slices.Equal(bumped, seen) || len(seen) != 3 {
		t.Errorf("epochs of the measured part: %d by the log, %d by the taps, want three", bumped, seen)
	}
}

// wantMoments checks the moments at which a member came and went: never before
// the tap's, and an eviction not much later.
func wantMoments(t *testing.T, w *tap, log []said) {
	t.Helper()
	for _, f := range []struct{ kind, what string }{{"join", "joined"}, {"leave", "left"}, {"crash", "evicted"}} {
		e, member := w.events[f.kind], w.member(w.victim(f.kind))
		i := slices.IndexFunc(log, func(s said) bool { return s.what == f.what && s.member == member })
		if i < 0 || e.T0 == 0 {
			t.Errorf("%s of %s: in the log %t, t0 %d", f.kind, member, i >= 0, e.T0)
			continue
		}
		after := log[i].at.Sub(w.wall(e.T0))
		t.Logf("%s: in the log %s after t0; the machine was late by %s, the broker by %s", f.kind, after, w.woken, w.answered)
		if low := log[i].at.Sub(w.wall(cmp.Or(e.T0Low, e.T0))); low < -logTick-w.noted() {
			t.Errorf("%s: in the log %s before t0", f.kind, -low)
		}
		if f.kind == "crash" && after > w.lateEviction() {
			t.Errorf("%s: in the log %s after t0", f.kind, after)
		}
	}
}
