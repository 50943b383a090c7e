package summary

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/pace"
)

// tried is a trial of twelve seconds with a producer that acked the given
// records in each second.
func tried(perSecond ...int64) *builder {
	in := &inputs{
		trial:    &results.Trial{Kind: workloads.Producing},
		measured: part{10 * second, int64(10+len(perSecond)) * second},
	}
	in.trial.Spec.Produce.Rate.PerSecond = 1000
	in.trial.Spec.Produce.Schedule.Kind = "constant"
	w := &worker{Worker: &evidence.Worker{Worker: results.Worker{Name: "producer-0", Role: results.RoleProducer}}, ackedPerSec: perSecond}
	for _, n := range perSecond {
		w.acked += n
	}
	in.workers = []*worker{w}
	return &builder{inputs: in, warn: func(results.Remark) {}, thin: &thinData{}}
}

func steady() []int64 {
	xs := make([]int64, 12)
	for i := range xs {
		xs[i] = 1000 + int64(i%2)
	}
	return xs
}

// took gives the first worker a histogram of equal values.
func (b *builder) took(metric string, d time.Duration) {
	h := hdrhistogram.New(record.MinLatency, record.MaxLatency, 3)
	_ = h.RecordValues(int64(d), 1000)
	b.workers[0].Latencies = append(b.workers[0].Latencies, record.Interval{Metric: metric, Phase: "measure", Hist: h})
}

// marked is the classes of the marks of the load that a trial has.
func marked(change func(b *builder)) string {
	b := tried(steady()...)
	change(b)
	b.offeredLoad()
	var out []string
	for _, r := range b.rows {
		if r.Value != 0 {
			out = append(out, strings.TrimPrefix(r.Metric, "trial.")+" "+r.Class)
		}
	}
	return strings.Join(out, ", ")
}

// Where a run does not say whose lateness it was, no one is blamed for it.
func TestLoadOfUnknownLateness(t *testing.T) {
	f := func(want string, change func(b *builder)) {
		t.Helper()
		if got := marked(change); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("", func(*builder) {})
	f("saturated achieved", func(b *builder) { b.workers[0].acked = 11_800 })
	f("", func(b *builder) { b.workers[0].acked, b.trial.Spec.Produce.Rate.Max = 11_800, true })
	f("", func(b *builder) { b.workers[0].acked, b.trial.Kind = 11_800, workloads.Backlog })
	f("", func(b *builder) { b.workers[0].acked, b.trial.Spec.Produce.Schedule.Kind = 11_800, "poisson" })
	f("saturated achieved", func(b *builder) { b.workers[0].acked, b.trial.Spec.Produce.Schedule.Kind = 11_000, "poisson" })
	f("saturated achieved", func(b *builder) { b.trial.Kind = workloads.EndToEnd }) // nothing was delivered
	f("saturated lag", func(b *builder) { b.took(results.ScheduleLag, 11*time.Millisecond) })
	f("", func(b *builder) { b.took(results.ScheduleLag, 9*time.Millisecond) })
	f("", func(b *builder) { // late, but little beside what the records take
		b.took(results.ScheduleLag, 11*time.Millisecond)
		b.took(results.ProduceResponse, time.Second)
	})
}

// Three marks for three things: the client could not keep the load, who offers it
// could not, and it was kept, but late.
func TestLoad(t *testing.T) {
	const little, much, more = time.Millisecond, 50 * time.Millisecond, 80 * time.Millisecond
	f := func(want string, own, held, room time.Duration, acked int64, by string) {
		t.Helper()
		got := marked(func(b *builder) {
			b.workers[0].acked, b.trial.Spec.Produce.By = acked, by
			b.took(results.ScheduleLag, own)
			b.took(results.ScheduleHeld, held)
			b.took(results.ProduceNoRoom, room)
		})
		if got != want {
			t.Errorf("own %s, held %s, %d acked of 12,000 by %s: %q, want %q", own, held, acked, by, got, want)
		}
	}
	const all, most, half = 12_000, 11_999, 6_000
	f("", little, little, little, all, "arm")
	f("", little, little, little, most, "arm")
	f("saturated achieved", little, much, little, half, "arm")
	f("saturated achieved", little, little, little, half, "arm") // nobody was late, but the client did not answer
	f("generator_late lag", much, little, little, half, "arm")
	f("generator_late lag", much, little, little, most, "arm")
	f("saturated achieved, generator_late lag", much, more, little, half, "arm")
	f("generator_late lag, kept_late send", much, more, little, most, "arm")
	f("kept_late send", little, much, little, most, "arm")
	f("kept_late no_room", little, much, much, most, "arm")

	f("", little, little, little, most, "reference")
	f("generator_late reference", little, much, little, half, "reference")
	f("generator_late reference", little, much, little, most, "reference")
	f("generator_late lag", much, little, little, half, "reference")
}

// What was never handed over is known of producers that counted it.
func TestUnsent(t *testing.T) {
	b := tried(steady()...)
	b.took(results.ScheduleLag, time.Millisecond)
	if _, _, known := unsent(b.workers); known {
		t.Error("known of a producer that wrote no account")
	}
	b.workers[0].Tally = &record.Tally{Due: 3000, Sent: 1900, Unsent: 1100}
	b.took(results.ProduceUnsent, time.Second)
	if left, due, known := unsent(b.workers); left != 1000 || due != 2000 || !known {
		t.Errorf("%d of %d, %t", left, due, known)
	}
	if left, due := unsentInAll(b.workers); left != 1100 || due != 3000 {
		t.Errorf("%d of %d in the whole trial", left, due)
	}
}

// A profile that costs little leaves no mark, and no row that earlier summaries do
// not have.
func TestPerturbed(t *testing.T) {
	f := func(want string, kinds ...profiles.Kind) {
		t.Helper()
		b := tried(steady()...)
		b.profiles = kinds
		var said []results.Remark
		b.warn = func(r results.Remark) { said = append(said, r) }
		b.marks()
		i := slices.IndexFunc(b.rows, func(r results.Row) bool { return r.Metric == results.TrialPerturbed })
		switch {
		case want == "" && (i >= 0 || len(said) > 0):
			t.Errorf("%v leaves the rows %v and says %v", kinds, b.rows, said)
		case want != "" && (i < 0 || b.rows[i].Class != want || b.rows[i].Value != 1 || len(said) != 1 || said[0].Kind != results.TrialPerturbed):
			t.Errorf("%v leaves the rows %v and says %v, want the class %s", kinds, b.rows, said, want)
		}
		bench := string(Bench(&results.Summary{Rows: b.rows}, &results.Run{}))
		if strings.Contains(bench, "Unit perturbed") != (want != "") {
			t.Errorf("%v in Go benchmark format:\n%s", kinds, bench)
		}
	}
	f("")
	f("", profiles.CPU, profiles.Heap, profiles.Allocs, profiles.Goroutine)
	f("mutex", profiles.CPU, profiles.Mutex)
	f("block+trace", profiles.Block, profiles.Trace)
}

// TestLookedAt: a page that somebody had while it was measured marks the trial, one
// before it does not.
func TestLookedAt(t *testing.T) {
	f := func(from, to time.Duration, want string) {
		t.Helper()
		b := tried(steady()...)
		at := func(d time.Duration) int64 { return b.measured.from + int64(d) }
		b.trial.Workers = []results.Worker{{Name: "member-0", Asked: []results.Asked{{Page: "/debug/pprof/heap?gc=1", From: at(from), To: at(to)}}}}
		b.warn = func(results.Remark) {}
		if got := b.perturbed(); got.Class != want || (want != "") != strings.Contains(got.Words, "member-0/heap?gc=1") {
			t.Errorf("a page from %s to %s is told as %+v, want the class %q", from, to, got, want)
		}
	}
	f(-2*time.Second, -time.Second, "")
	f(-2*time.Second, time.Millisecond, "live")
	f(time.Millisecond, 2*time.Millisecond, "live")
}

// A trial whose wire contradicts its plan has a mark that names the settings; one
// that is as planned has no row.
func TestContradicted(t *testing.T) {
	b := tried(steady()...)
	said := 0
	b.warn = func(r results.Remark) {
		if said++; r.Kind != results.TrialContradicted || r.Class != "produce.acks+produce.codec" || !strings.HasSuffix(r.Words, "consumer-0: produce.codec claimed as lz4, on the wire none") {
			t.Errorf("said %+v", r)
		}
	}
	b.marks()
	b.trial.Wire = []results.WireCheck{
		{Worker: "producer-0", Key: "produce.acks", Claim: "-1", Seen: "0", Lie: true},
		{Worker: "producer-0", Key: "group.heartbeat", Claim: "3000", Seen: "9000"},
		{Worker: "producer-1", Key: "produce.acks", Claim: "-1", Seen: "0", Lie: true},
		{Worker: "consumer-0", Key: "produce.codec", Claim: "lz4", Seen: "none", Lie: true},
	}
	before := len(b.rows)
	b.marks()
	rows := 0
	for i, r := range b.rows {
		if r.Metric == results.TrialContradicted {
			if rows++; i < before || r.Value != 1 {
				t.Errorf("row %+v", r)
			}
		}
	}
	if rows != 1 || said != 1 {
		t.Errorf("%d rows and %d warnings, want one of each", rows, said)
	}
}

// A trial that was not read back has a mark that says what is not known of it.
func TestNotRead(t *testing.T) {
	f := func(kind workloads.Kind, class string) {
		t.Helper()
		b := tried(steady()...)
		b.trial.Kind, b.trial.NotRead = kind, "worker readback was not done within 10m\n  end of stderr.txt:"
		said := 0
		b.warn = func(r results.Remark) {
			if r.Kind != results.TrialNotRead {
				return
			}
			if said++; r.Class != class || !strings.HasPrefix(r.Words, "not read back: worker readback was not done within 10m; which ") {
				t.Errorf("said %+v", r)
			}
		}
		b.marks()
		if said != 1 {
			t.Errorf("%s: %d warnings, want one", kind, said)
		}
	}
	f(workloads.Producing, "all")
	f(workloads.EndToEnd, "lost+undelivered")
}

// A trial whose round was run once more is marked, with what the round was repeated for.
func TestRepeated(t *testing.T) {
	b := tried(steady()...)
	b.trial.Ref.Repeated = "sarama is out (not steady)"
	var said []string
	b.warn = func(r results.Remark) { said = append(said, r.Words) }
	b.marks()
	marked := slices.ContainsFunc(b.rows, func(r results.Row) bool { return r.Metric == results.TrialRepeated && r.Value == 1 })
	if !marked || !slices.Contains(said, "repeated: its round was run once more: sarama is out (not steady)") {
		t.Errorf("marked %t, said %q", marked, said)
	}
}

// TestOffered counts beside it what a generator intends in the measured part.
func TestOffered(t *testing.T) {
	f := func(want float64, s workloads.Schedule) {
		t.Helper()
		b := tried(make([]int64, 10)...)
		b.trial.Phases = []results.Phase{{Name: "warmup", From: 0, To: 10 * second}}
		b.trial.Spec.Produce.Schedule = s
		if got := b.offered(); math.Abs(got-want) > 1e-6 {
			t.Errorf("%+v: %v, want %v", s, got, want)
		}
		schedule, err := pace.New(1000, s, 20*time.Second, 1)
		if err != nil {
			t.Fatal(err)
		}
		n := 0.0
		for i := int64(0); schedule.At(i) < 20*time.Second; i++ {
			if schedule.At(i) >= 10*time.Second {
				n++
			}
		}
		slack := 1.0
		if s.Kind == "poisson" {
			slack = 3 * math.Sqrt(want)
		}
		if math.Abs(n-want) > slack {
			t.Errorf("%+v: a generator intends %v, want %v", s, n, want)
		}
	}
	f(10_000, workloads.Schedule{Kind: "constant"})
	f(10_000, workloads.Schedule{Kind: "poisson"})
	f(7_500, workloads.Schedule{Kind: "ramp"})                                       // 500 to 1,000 per second
	f(8_000, workloads.Schedule{Kind: "steps", Factors: []float64{9, 9, 0.4, 1.2}})  // the first half is warm-up
	f(6_000, workloads.Schedule{Kind: "steps", Factors: []float64{9, 0.6, 0.6}})     // a step that began before
	f(10_500, workloads.Schedule{Kind: "bursts", Every: 2 * time.Second, Size: 100}) // at 10, 12, 14, 16, 18
	f(10_300, workloads.Schedule{Kind: "bursts", Every: 3 * time.Second, Size: 100}) // at 12, 15, 18
}

func TestNotSteady(t *testing.T) {
	f := func(want string, xs []int64, change func(b *builder)) {
		t.Helper()
		b := tried(xs...)
		change(b)
		if why := b.notSteady(); why.Class != want {
			t.Errorf("%q (%s), want %q", why.Class, why, want)
		}
	}
	same := func(*builder) {}
	// silent has records come out all the time but for one silence.
	silent := func(from, to time.Duration) func(*builder) {
		return func(b *builder) {
			w := b.workers[0]
			w.heard = make([]bool, b.measured.length()/int64(steadyBin))
			w.hear(-int64(time.Second), int64(from)-1)
			w.hear(int64(to), b.measured.length()+int64(time.Second))
		}
	}
	f("", steady(), same)
	f("", []int64{7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, same)
	f("variation", []int64{1000, 1100, 1000, 1100, 1000, 1100, 1000, 1100, 1000, 1100}, same)
	f("trend", []int64{1000, 1004, 1008, 1012, 1016, 1020, 1024, 1028, 1032, 1036}, same)
	f("", []int64{1000, 1002, 1004, 1006, 1008, 1010, 1012, 1014, 1016, 1018}, same) // too little to matter
	f("variation", make([]int64, 10), same)
	f("", []int64{1000, 1, 1000}, same)
	f("", []int64{1000, 2000, 1000, 2000, 1000, 2000, 1000, 2000, 1000, 2000}, func(b *builder) { b.trial.Spec.Produce.Schedule.Kind = "bursts" })
	f("", []int64{990, 1030, 1010, 960, 1020, 970, 1040, 1000, 985, 1005}, func(b *builder) { b.trial.Spec.Produce.Schedule.Kind = "poisson" })

	// A stall that ends within its second: no window has a record less.
	f("stall", steady(), silent(3200*time.Millisecond, 3640*time.Millisecond))
	f("stall", []int64{1000, 1000}, silent(200*time.Millisecond, 640*time.Millisecond))
	f("", steady(), silent(3200*time.Millisecond, 3440*time.Millisecond))
	f("stall", steady(), silent(0, 300*time.Millisecond))
	f("", steady(), silent(0, 0))

	churn := func(b *builder) { b.trial.Spec.Churn = []workloads.ChurnEntry{{Do: "crash"}} }
	f("", []int64{1000, 1100, 1000, 1100, 1000, 1100, 1000, 1100, 1000, 1100}, churn)
	stopped := tried(1000, 1, 1000)
	churn(stopped)
	stopped.notSteady()
	if got := stopped.thin.warnings(); len(got) > 0 {
		t.Errorf("under churn nobody asks how steady it was, not even whether one could tell: %s", got)
	}

	b := tried(1000, 1, 1000)
	b.trial.Ref.Workload = "quick"
	b.notSteady()
	if got := fmt.Sprint(b.thin.warnings()); !strings.Contains(got, "quick: too short to tell whether it was steady: 3 windows") {
		t.Errorf("warnings: %s", got)
	}
}

// The p of a perfect trend of ten values: S = 45, Var S = 125.
func TestMannKendall(t *testing.T) {
	f := func(xs []float64, want float64, rising bool) {
		t.Helper()
		if p := mannKendall(xs); math.Abs(p-want) > 1e-6 || drift(xs) > 0 != rising {
			t.Errorf("%v: p %v, drift %v; want %v, rising %v", xs, p, drift(xs), want, rising)
		}
	}
	f([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, math.Erfc(44/math.Sqrt(125)/math.Sqrt2), true)
	f([]float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, math.Erfc(44/math.Sqrt(125)/math.Sqrt2), false)
	f([]float64{4, 4, 4, 4, 4, 4, 4, 4, 4, 4}, 1, false)
	// One tie of five and one of five: Var S = 125 - 2*5*4*15/18, S = 25.
	f([]float64{1, 1, 1, 1, 1, 2, 2, 2, 2, 2}, math.Erfc(24/math.Sqrt(125-600.0/18)/math.Sqrt2), true)
}

func TestLimited(t *testing.T) {
	f := func(want string, idle, broker, client, reference, foreign float64) {
		t.Helper()
		b := tried(steady()...)
		ref := &worker{Worker: &evidence.Worker{Worker: results.Worker{Role: results.RoleReference}}}
		b.workers = append(b.workers, ref)
		for _, at := range []int64{b.measured.from, b.measured.to} {
			use := func(cores float64) int64 { return int64(cores * float64(at)) }
			b.workers[0].Runtime = append(b.workers[0].Runtime, evidence.Sample{T: at, Runtime: record.Runtime{CPUUser: use(client)}})
			ref.Runtime = append(ref.Runtime, evidence.Sample{T: at, Runtime: record.Runtime{CPUSys: use(reference)}})
			s := results.MachineSample{T: at, CPUTotal: use(2), CPUIdle: use(2 * idle), CPUBusy: use(2 - 2*idle), Ours: use(2 - 2*idle - foreign)}
			if broker > 0 {
				s.Procs = map[string]int64{results.BrokerProcess(0): use(broker / 2), results.BrokerProcess(1): use(broker / 2)}
			}
			b.machine = append(b.machine, s)
		}
		if why := b.limited(); why.Class != want {
			t.Errorf("%q (%s), want %q", why.Class, why, want)
		}
	}
	f("", 0.5, 0.5, 0.9, 0, 0)
	f("", 0.5, 1.95, 0.5, 0, 0) // it has a goroutine per connection: its CPU is no bound
	f("broker", 0.01, 1.4, 0.5, 0.1, 0)
	f("", 0.01, 0.5, 1.4, 0.1, 0)
	f("generator", 0.01, 0.3, 0.5, 1.1, 0)
	f("generator", 0.01, 0, 0.5, 1.1, 0) // an attached broker's CPU is not known
	f("", 0.01, 0.6, 0.1, 0.1, 1.2)      // others had the machine
	f("", 0.01, 0, 0.1, 0.2, 1.4)
}

// TestCoresOfWhoCameAndWent: a member that was there for a part of the time used what it
// used.
func TestCoresOfWhoCameAndWent(t *testing.T) {
	b := tried(steady()...)
	w := b.workers[0]
	quarter := b.measured.length() / 4
	w.Runtime = nil
	for i, at := range []int64{b.measured.from + quarter, b.measured.from + 2*quarter, b.measured.from + 3*quarter} {
		w.Runtime = append(w.Runtime, evidence.Sample{T: at, Runtime: record.Runtime{CPUUser: int64(i) * quarter}})
	}
	if got := b.cores([]*worker{w}); math.Abs(got-0.5) > 1e-6 {
		t.Errorf("it had a core for half of the time, and %v are said", got)
	}
}

// TestLimitedBySilence: a broker that does not answer is what is measured, and one
// that was heard to answer is not called so for its CPU.
func TestLimitedBySilence(t *testing.T) {
	f := func(want string, stalls *window.Stalls) {
		t.Helper()
		b := tried(steady()...)
		for _, at := range []int64{b.measured.from, b.measured.to} { // the broker has nearly all there is
			b.machine = append(b.machine, results.MachineSample{T: at, CPUTotal: 2 * at, CPUIdle: at / 100, Procs: map[string]int64{results.BrokerProcess(0): at * 3 / 2}})
		}
		b.silent, b.heardBroker = brokerSilences(stalls, b.measured)
		if why := b.limited(); why.Class != want {
			t.Errorf("%q (%s), want %q", why.Class, why, want)
		}
	}
	// Intervals in ms from the beginning of the measured part, which has 12 s.
	with := func(source blame.Source, ms ...int64) *window.Stalls {
		s := &window.Stalls{}
		for i := 0; i < len(ms); i += 2 {
			s.All = append(s.All, blame.Stall{Source: source, Certain: results.Interval{From: 10*second + ms[i]*1e6, To: 10*second + ms[i+1]*1e6}})
		}
		return s
	}
	f("broker", nil) // nobody listened: its CPU is all that is known
	f("", &window.Stalls{})
	f("broker", with(blame.SourceBroker, 100, 200, 5000, 5501))
	f("", with(blame.SourceBroker, 100, 200, 5000, 5499))
	f("", with(blame.SourceBroker, 100, 400, 100, 400, 100, 400)) // three nodes in one process, once
	f("", with(blame.SourceBroker, -5000, 100, 11_900, 15_000))   // outside of it
	f("", with(blame.SourceMachine, 0, 9000))
}

func TestRecordBytes(t *testing.T) {
	f := func(want float64, kind string) {
		t.Helper()
		got := recordBytes(workloads.Records{Size: workloads.Size{Fixed: 100}, Keys: workloads.Keys{Kind: kind, Size: 8}})
		if got != want {
			t.Errorf("keys %s: %v, want %v", kind, got, want)
		}
	}
	f(100, "none") // a length without keys means nothing
	f(108, "round-robin")
}
