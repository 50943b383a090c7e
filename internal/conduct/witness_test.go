package conduct_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// The figures rest on what the taps saw of the group's requests. In these tests
// the broker gives its own account of the same group, and the two must agree:
// on generations, on who was in them and owned what, and on the order of things.
// The order follows from cause and effect, so that it holds on a machine of any
// speed: a broker can act on a request only after it was written, and a response
// can be read only after the broker has acted.

// lateEviction is how much later than the tap says a broker may drop a member
// whose session is over, where neither the machine nor the broker was late. It has
// the timers of the broker in it, and the heartbeat of a member that was killed
// after it was written and before it was noted. A few ms are usual.
const lateEviction = 1500 * time.Millisecond

// noted is how much later than it was written a request may have been noted, where
// the machine was not late: its time is read after the write, and the broker can
// have acted by then. It is well below what an error of the floor would be.
const noted = 300 * time.Millisecond

// comeAndGo is a timeline with a join, a leave and a crash in a small group.
// Theta is so long that a busy machine is not taken for a pause.
const comeAndGo = `
name: come-and-go
topic:   {partitions: 6, replication: 1}
records: {size: 128, entropy: 0.5}
produce: {by: reference, rate: 300/s}
consume: {members: 2, fetch: {wait: 100ms}, commit: {mode: marked, every: 500ms}, handler: {lanes: member, revoke: wait}}
group:   {protocol: classic, assignors: [range], session: 6s, heartbeat: 500ms, rebalance: 10s}
phases:  {warmup: 1s, drain: 30s}
pause:   {theta: 1s}
churn:
  - {cycle: [join, leave, crash], when: stable, target: oldest, restore: false}
`

// coming is the timeline under a protocol.
func coming(t *testing.T, name, protocol, assignor string) workloads.Spec {
	t.Helper()
	doc, err := workloads.Parse("come-and-go.yaml", []byte(comeAndGo), workloads.Options{Set: []string{
		"name=" + name, "group.protocol=" + protocol, "group.assignors=[" + assignor + "]",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return *doc.Spec
}

// tap is what the taps of a trial saw, and what was made of it.
type tap struct {
	window.Input
	events   map[string]window.Event // by kind of act
	measured window.Interval
	clock    []record.Event // pairs of wall and monotonic time
	// woken is the worst wake-up of a thread that only sleeps, in any process but
	// one that was stopped on purpose: so late the machine may have been with
	// anything. answered is the longest that such a process waited, in the measured
	// part, for the answer to a heartbeat, which is given at once: so late the
	// broker may have been. It tells nothing where a client sends its heartbeats
	// behind its fetches, as sarama does.
	woken, answered time.Duration
}

func tapOf(t *testing.T, got *outcome, trial *results.Trial) *tap {
	t.Helper()
	path := got.dir.TrialPath(trial.Ref)
	loaded := got.evidence(t, trial)
	out := &tap{Input: *loaded.Input(), events: map[string]window.Event{}}
	for _, e := range loaded.Windows().Events {
		for _, a := range e.Acts {
			out.events[string(a.Kind)] = e
		}
	}
	for _, p := range trial.Phases {
		if p.Name == "measure" {
			out.measured = window.Interval{From: p.From, To: p.To}
		}
	}
	canaries := 0
	for _, worker := range trial.Workers {
		stopped := worker.Name == out.victim("stall")
		err := record.ReadEvents(filepath.Join(path, worker.Name, results.EventsFile), func(e record.Event) error {
			switch {
			case e.K == record.EvClock && worker.Name == "observer":
				out.clock = append(out.clock, e)
			case e.K == record.EvCanary && !stopped:
				canaries++
				out.woken = max(out.woken, time.Duration(e.Worst))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	beats := 0
	for _, worker := range out.Workers {
		for _, c := range worker.Calls {
			if c.Beats() && c.Resp != 0 && c.Req > out.measured.From && worker.Name != out.victim("stall") {
				beats++
				out.answered = max(out.answered, time.Duration(c.Resp-c.Req))
			}
		}
	}
	if len(out.clock) == 0 || canaries == 0 || beats == 0 {
		t.Fatalf("%d readings of both clocks, %d of a canary, %d heartbeats", len(out.clock), canaries, beats)
	}
	return out
}

// noted is how much later than it was written a request of this trial may have
// been noted.
func (w *tap) noted() time.Duration { return noted + w.woken }

// lateEviction is how much later than the tap says a member of this trial may
// have been dropped.
func (w *tap) lateEviction() time.Duration { return lateEviction + w.woken + w.answered }

// wall is a moment of the monotonic clock in the time that a broker's log has.
func (w *tap) wall(at int64) time.Time {
	pair := w.clock[0]
	for _, c := range w.clock {
		if c.T <= at {
			pair = c
		}
	}
	return time.Unix(0, pair.Wall+at-pair.T)
}

// generation is what the taps saw of one generation of the classic protocol.
type generation struct {
	joinAsked int64              // the last JoinGroup of it was written
	joined    int64              // the first response to one was read
	syncAsked int64              // the first SyncGroup was written
	members   map[string][]int32 // by member id: what SyncGroup gave
}

func (w *tap) generations() map[int32]*generation {
	out := map[int32]*generation{}
	for _, worker := range w.Workers {
		for _, c := range worker.Calls {
			if c.Resp == 0 || c.Err != 0 || c.API != group.JoinGroup && c.API != group.SyncGroup {
				continue
			}
			g := out[c.Generation]
			if g == nil {
				g = &generation{members: map[string][]int32{}}
				out[c.Generation] = g
			}
			switch c.API {
			case group.JoinGroup:
				g.joinAsked = max(g.joinAsked, c.Req)
				g.joined = earliest(g.joined, c.Resp)
			case group.SyncGroup:
				g.syncAsked = earliest(g.syncAsked, c.Req)
				g.members[c.ID] = slices.Sorted(slices.Values(c.Given))
			}
		}
	}
	return out
}

func earliest(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// in are the generations that were formed in the measured part.
func (w *tap) in() []int32 {
	var out []int32
	for n, g := range w.generations() {
		if g.joined > w.measured.From && g.joined < w.measured.To {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// member is the id by which the coordinator knew a worker.
func (w *tap) member(worker string) string {
	for _, o := range w.Workers {
		for _, c := range o.Calls {
			if o.Name == worker && c.Resp != 0 && c.Err == 0 && (c.API == group.SyncGroup || c.API == group.ConsumerGroupHeartbeat) {
				return c.ID
			}
		}
	}
	return ""
}

// asked is when a worker asked to join in the first request that was accepted.
func (w *tap) asked(worker string) int64 {
	for _, o := range w.Workers {
		for _, c := range o.Calls {
			if o.Name == worker && c.Err == 0 && c.Resp != 0 && (c.API == group.JoinGroup || c.API == group.ConsumerGroupHeartbeat) {
				return c.Req
			}
		}
	}
	return 0
}

// victim is the worker of the first act of a kind.
func (w *tap) victim(kind string) string {
	for _, a := range w.Acts {
		if string(a.Kind) == kind {
			return a.Member
		}
	}
	return ""
}

// sight is a state of the group as the simulated broker had it. It came after
// the look at before had begun, and was there when the look that ended at at had.
type sight struct {
	before, at int64
	info       *kfake.GroupInfo
}

func (s sight) has(member string) bool {
	return slices.ContainsFunc(s.info.Members, func(m kfake.GroupMember) bool { return m.MemberID == member })
}

func (s sight) owned(topic string) map[string][]int32 {
	out := map[string][]int32{}
	for _, m := range s.info.Members {
		out[m.MemberID] = slices.Sorted(slices.Values(m.Assignment[topic]))
	}
	return out
}

// look watches a group from inside the broker until it is stopped, and tells how
// long the broker was out of sight at most: so late its timers may have been, too.
func look(c *kfake.Cluster, group string) (stop func() (sights []sight, longest time.Duration)) {
	var sights []sight
	var longest int64
	var done sync.WaitGroup
	end := make(chan struct{})
	done.Go(func() {
		last, before := "", record.Now()
		for {
			began := record.Now()
			longest = max(longest, began-before)
			info := c.GroupInfo(group)
			if info == nil {
				info = &kfake.GroupInfo{State: "none"}
			}
			text := fmt.Sprint(info.State, info.Epoch)
			for _, m := range info.Members {
				text += fmt.Sprint(" ", m.MemberID, m.Assignment)
			}
			if text != last {
				sights = append(sights, sight{before, record.Now(), info})
			}
			last, before = text, began
			select {
			case <-end:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	return func() ([]sight, time.Duration) {
		close(end)
		done.Wait()
		return sights, time.Duration(longest)
	}
}

// TestWitnessEmbedded: the simulated broker lives in this process and is asked
// for its group every 2 ms. In the end a member is stopped until well after its
// session, is dropped, goes on and joins anew.
func TestWitnessEmbedded(t *testing.T) {
	onEmbedded(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	spec := coming(t, "come-and-go", "classic", "range")
	spec.Consume.Members++ // else nobody is left to take over
	spec.Churn = append(spec.Churn, workloads.ChurnEntry{Do: "stall", When: "stable", Times: 1, Target: "oldest", For: spec.Group.Session + 4*time.Second})
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "sarama"))
	o.Broker = cluster.Options{Kind: cluster.Attached, Brokers: c.ListenAddrs()}
	stop := look(c, cluster.Prefix+o.ID+"-1")
	got, err := run(t, bounded(t), o)
	sights, unseen := stop()
	if err != nil {
		t.Error(err)
	}
	got.wantStates(t, "complete")
	trial := got.trials[0]
	w := tapOf(t, got, trial)
	w.answered = max(w.answered, unseen)

	gens, stable, noted := w.generations(), map[int32]bool{}, int64(w.noted())
	for i, s := range sights {
		if s.at > w.measured.To {
			break
		}
		g := gens[s.info.Epoch]
		if g == nil {
			continue // nobody was told of it
		}
		if i == 0 || sights[i-1].info.Epoch != s.info.Epoch {
			if s.before > g.joined {
				t.Errorf("generation %d: a response of it was read %s before the broker had it", s.info.Epoch, time.Duration(s.before-g.joined))
			}
			if s.at+noted < g.joinAsked {
				t.Errorf("generation %d: the broker had it %s before the last member asked to join it", s.info.Epoch, time.Duration(g.joinAsked-s.at))
			}
		}
		if s.info.State != "Stable" || stable[s.info.Epoch] {
			continue
		}
		stable[s.info.Epoch] = true
		if s.at+noted < g.syncAsked {
			t.Errorf("generation %d: it was stable %s before its leader had assigned", s.info.Epoch, time.Duration(g.syncAsked-s.at))
		}
		if diff := gocmp.Diff(s.owned(trial.Topic), g.members); diff != "" {
			t.Errorf("generation %d, from the broker to the taps:\n%s", s.info.Epoch, diff)
		}
	}
	// A join, a leave, two evictions and the return of one, and nothing else.
	if n := w.in(); len(n) != 5 {
		t.Errorf("generations %d in the measured part, want five", n)
	}
	for _, n := range w.in() {
		if !stable[n] {
			t.Errorf("generation %d: the broker never had it stable", n)
		}
	}

	comes, goes := w.member(w.victim("join")), w.member(w.victim("leave"))
	came := change(sights, comes, true)
	if came == nil || came.at+noted < w.asked(w.victim("join")) || w.events["join"].T0 > came.at+noted {
		t.Errorf("the member that joined: in the group from %+v, t0 %d", came, w.events["join"].T0)
	}
	left := change(sights, goes, false)
	if left == nil || left.at+noted < w.events["leave"].T0 {
		t.Errorf("the member that left: gone from %+v, t0 %d", left, w.events["leave"].T0)
	}
	for _, kind := range []string{"crash", "stall"} {
		e, dropped := w.events[kind], change(sights, w.member(w.victim(kind)), false)
		if dropped == nil || e.T0 == 0 {
			t.Errorf("%s: the member was dropped: %t, t0 %d", kind, dropped != nil, e.T0)
			continue
		}
		t.Logf("%s: dropped %s to %s after t0; the machine was late by %s, the broker by %s", kind, time.Duration(dropped.before-e.T0), time.Duration(dropped.at-e.T0), w.woken, w.answered)
		if dropped.at+noted < cmp.Or(e.T0Low, e.T0) {
			t.Errorf("%s: the member was dropped %s before its session can have been over by the taps", kind, time.Duration(cmp.Or(e.T0Low, e.T0)-dropped.at))
		}
		if d := time.Duration(dropped.before - e.T0); d > w.lateEviction() {
			t.Errorf("%s: the member was dropped %s after its session was over by the taps", kind, d)
		}
	}
}

// change is the first state of the group in which a member is, or is not any
// more.
func change(sights []sight, member string, in bool) *sight {
	was := false
	for i := range sights {
		has := sights[i].has(member)
		if in && has || !in && was && !has {
			return &sights[i]
		}
		was = has
	}
	return nil
}

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
			for _, l := range coordinatorLines {
				f := l.pattern.FindStringSubmatch(m[2])
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
		}
	}
	slices.SortStableFunc(out, func(a, b said) int { return a.at.Compare(b.at) })
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
