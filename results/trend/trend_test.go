package trend_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/trend"
	"github.com/kbench/kbench/workloads"
)

var update = flag.Bool("update", false, "write the golden files anew")

// history is nights as a machine might give them.
type history struct {
	nights int
	rounds int     // of a night; 0: one
	noise  float64 // of a trial
	seed   uint64
	arms   map[string]func(night int) float64 // by client, what it costs besides noise, as a ratio
	run    func(night int, r *results.Run)    // what else was otherwise
	work   func(night int) float64            // what a fixed piece of work took, as a ratio
	busy   int                                // the night on which others were there; below 0: none
}

func flat(int) float64 { return 1 }

func stepAt(at int, by float64) func(int) float64 {
	return func(n int) float64 {
		if n >= at {
			return 1 + by
		}
		return 1
	}
}

func driftBy(by float64) func(int) float64 {
	return func(n int) float64 { return math.Pow(1+by, float64(n)) }
}

func (h history) make(t *testing.T) []*trend.Night {
	t.Helper()
	rng := rand.New(rand.NewPCG(h.seed, 7))
	spec := workloads.Default()
	spec.Name, spec.Compare = "produce-max", []string{"cpu.per_record by 3%"}
	var clients []string
	for c := range h.arms {
		clients = append(clients, c)
	}
	slices.Sort(clients)
	var nights []*trend.Night
	for n := range h.nights {
		at := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC).AddDate(0, 0, n)
		run := &results.Run{
			Schema: results.Schema, ID: at.Format("20060102") + "-030000-abcd", Started: at.Format(time.RFC3339), State: results.StateComplete, Specs: []workloads.Spec{spec},
			Machine: results.Machine{Host: "bench-1", OS: "linux", Arch: "amd64", CPU: "Some CPU", Cores: 8, MemBytes: 16 << 30, Kernel: "6.12.0"},
			Broker:  results.Broker{Kind: "kafka", Title: "Apache Kafka 4.3.1, 3 nodes", Nodes: 3},
			Go:      "go1.26.0", Kbench: "v0.1.0", Clients: map[string]string{"franz-go": "github.com/twmb/franz-go@v1.22.1"},
		}
		if h.run != nil {
			h.run(n, run)
		}
		s := &results.Summary{Schema: results.Schema, Run: run.ID}
		for i := range len(clients) * max(h.rounds, 1) {
			c, round := clients[i%len(clients)], i/len(clients)+1
			ref := results.TrialRef{N: i + 1, Workload: spec.Name, Arm: c, Client: c, Lane: "matched", Round: round}
			run.Order = append(run.Order, ref)
			foreign, work := 0.01, 60e6*math.Exp(rng.NormFloat64()*0.004)
			value := 800 * h.arms[c](n) * math.Exp(rng.NormFloat64()*h.noise)
			if h.work != nil {
				work *= h.work(n)
			}
			if n == h.busy {
				foreign, value = 1.4, value*1.15
			}
			for _, r := range []results.Row{
				{Role: results.RoleProducer, Metric: results.CPUPerRecord, Unit: results.UnitNs, Value: math.Round(value*10) / 10},
				{Metric: results.MachineForeign, Class: "measured", Unit: results.UnitCores, Value: foreign},
				{Metric: results.MachineSteal, Class: "measured", Unit: results.UnitCores, Value: 0},
				{Metric: results.MachineCanary, Unit: results.UnitNs, Value: math.Round(work)},
			} {
				r.Workload, r.Arm, r.Client, r.Lane, r.Round, r.Trial, r.N = ref.Workload, c, c, ref.Lane, round, ref.N, 1
				s.Rows = append(s.Rows, r)
			}
		}
		night, err := trend.Reduce(run, s)
		if err != nil {
			t.Fatal(err)
		}
		nights = append(nights, night)
	}
	return nights
}

// changes are those of a series, in words.
func changes(t *testing.T, tr *trend.Trend, arm string) []trend.Change {
	t.Helper()
	for _, s := range tr.Workloads[0].Series {
		if s.Arm.Name == arm {
			return s.Changes
		}
	}
	t.Fatalf("no series of %s", arm)
	return nil
}

// Sixty nights, a hundred times: one client makes a step of 4%, one drifts by 0.1% a night,
// two stay, and on one night somebody else was there. A trial has 1.5% of noise, and a night
// the six rounds that a verdict takes.
func TestNights(t *testing.T) {
	testNights(t, 6, 95, 90, 5)
}

// With a single round the night itself has 1.5% of noise, a step is 2.6 times as high, and
// a drift and a step look alike more often.
func TestNightsOfOneRound(t *testing.T) {
	testNights(t, 1, 95, 90, 5)
}

// testNights holds what is found against how often it has to be, and every change that is
// neither the step nor the drift, or is of the wrong kind or more than two nights off,
// against how many histories may have one.
func testNights(t *testing.T, rounds, steps, drifts, most int) {
	var sum outcome
	for seed := range uint64(100) { // not those of which the penalties were found, 0 to 99
		sum.add(nightsOf(t, 1000+seed, rounds))
	}
	t.Logf("of 100: %+v", sum)
	if sum.located < steps || sum.drifted < drifts || sum.busy < 100 || sum.alarms > most {
		t.Errorf("%+v; want the step within two nights in %d of 100, the drift in %d, the busy night out in 100, a false alarm in %d at most", sum, steps, drifts, most)
	}
}

// outcome counts histories: the step found within two nights, or at its own; the drift found
// as one; the busy night out; something found that was not there.
type outcome struct{ located, exact, drifted, busy, alarms int }

func (o *outcome) add(b outcome) {
	o.located, o.exact, o.drifted, o.busy, o.alarms = o.located+b.located, o.exact+b.exact, o.drifted+b.drifted, o.busy+b.busy, o.alarms+min(b.alarms, 1)
}

// nightsOf is what is found in one history.
func nightsOf(t *testing.T, seed uint64, rounds int) (o outcome) {
	rng := rand.New(rand.NewPCG(seed, 3))
	at, spoilt := 8+rng.IntN(45), rng.IntN(60)
	h := history{nights: 60, rounds: rounds, noise: 0.015, seed: seed, busy: spoilt, arms: map[string]func(int) float64{
		"franz-go": stepAt(at, 0.04), "kafka-go": driftBy(0.001), "sarama": flat, "sarama@v1.60.1": flat,
	}}
	tr := trend.Of(h.make(t), trend.Options{})
	for n, of := range tr.Workloads[0].Nights {
		switch {
		case n == spoilt && strings.HasPrefix(of.Out, "others used 1.40 cores"):
			o.busy++
		case n != spoilt && of.Out != "":
			t.Errorf("seed %d: night %d is out: %s", seed, n, of.Out)
		}
	}
	o.alarms = len(changes(t, tr, "sarama")) + len(changes(t, tr, "sarama@v1.60.1"))
	for _, c := range changes(t, tr, "franz-go") {
		switch off := c.Night - at; {
		case c.Kind != trend.Step || off < -2 || off > 2:
			o.alarms++
		case off == 0 || off == 1 && at == spoilt: // the night itself is out
			o.exact++
			fallthrough
		default:
			o.located++
		}
	}
	for _, c := range changes(t, tr, "kafka-go") {
		if c.Kind == trend.Drift {
			o.drifted++
		} else {
			o.alarms++
		}
	}
	if o.alarms > 0 {
		t.Logf("seed %d, step at %d, busy %d: %s", seed, at, spoilt, said(tr))
	}
	return o
}

// A series may do both.
func TestStepAndDrift(t *testing.T) {
	h := history{nights: 60, noise: 0.005, seed: 6, busy: -1, arms: map[string]func(int) float64{"a": func(n int) float64 { return stepAt(30, 0.05)(n) * driftBy(0.001)(n) }}}
	if got := said(trend.Of(h.make(t), trend.Options{})); !strings.HasPrefix(got, "a step at 30 by +5% known; a drift at 0 by +") {
		t.Error(got)
	}
}

// How often nights alone, without any change, make one: no more often than is said.
func TestFalseAlarms(t *testing.T) {
	alarms := 0
	for seed := range uint64(300) {
		h := history{nights: 10 + int(seed%50), noise: 0.05, seed: seed, busy: -1, arms: map[string]func(int) float64{"franz-go": flat, "kafka-go": flat, "sarama": flat}}
		tr := trend.Of(h.make(t), trend.Options{Level: 0.05})
		for _, s := range tr.Workloads[0].Series {
			if len(s.Changes) > 0 {
				alarms++
				break
			}
		}
	}
	if t.Logf("%d of 300 histories at a level of 5%%", alarms); alarms > 25 {
		t.Errorf("%d of 300 histories have a change, at a level of 5%%", alarms)
	}
}

// said is what a trend came to, briefly.
func said(tr *trend.Trend) string {
	var out []string
	for _, w := range tr.Workloads {
		for _, s := range w.Series {
			for _, c := range s.Changes {
				out = append(out, fmt.Sprintf("%s %s at %d by %+.0f%% %s", s.Arm.Name, c.Kind, c.Night, 100*c.Effect, c.Standing))
			}
		}
	}
	return strings.Join(out, "; ")
}

// What becomes of a change: an alert while it is young, and only where no canary moved.
func TestStanding(t *testing.T) {
	f := func(h history, o trend.Options, want string) {
		t.Helper()
		h.nights, h.noise, h.busy, h.seed = 40, 0.01, -1, 5
		if got := said(trend.Of(h.make(t), o)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	arms := func(of map[string]func(int) float64) history { return history{arms: of} }
	f(arms(map[string]func(int) float64{"a": stepAt(35, 0.06), "a@v1.0.0": flat}), trend.Options{}, "a step at 35 by +6% alert")
	f(arms(map[string]func(int) float64{"a": stepAt(35, 0.06)}), trend.Options{}, "a step at 35 by +6% alert")
	f(arms(map[string]func(int) float64{"a": stepAt(20, 0.06), "a@v1.0.0": flat}), trend.Options{}, "a step at 20 by +6% known")
	f(arms(map[string]func(int) float64{"a": stepAt(20, 0.06), "a@v1.0.0": flat}), trend.Options{Recent: 20}, "a step at 20 by +6% alert")
	f(arms(map[string]func(int) float64{"a": stepAt(35, -0.06), "a@v1.0.0": flat}), trend.Options{}, "a step at 35 by -6% better")
	f(arms(map[string]func(int) float64{"a": stepAt(30, 0.02), "a@v1.0.0": flat}), trend.Options{}, "a step at 30 by +2% small")
	f(arms(map[string]func(int) float64{"a": stepAt(35, 0.06), "a@v1.0.0": stepAt(35, 0.06)}), trend.Options{}, "a step at 35 by +6% held; a@v1.0.0 step at 35 by +6% canary")
	f(arms(map[string]func(int) float64{"a": stepAt(35, 0.06), "b": stepAt(35, 0.06)}), trend.Options{Canaries: []string{"b"}}, "a step at 35 by +6% held; b step at 35 by +6% canary")
	f(arms(map[string]func(int) float64{"a": driftBy(0.002), "a@v1.0.0": driftBy(0.002)}), trend.Options{}, "a drift at 0 by +8% held; a@v1.0.0 drift at 0 by +8% canary")
	work := arms(map[string]func(int) float64{"a": stepAt(35, 0.06)})
	work.work = stepAt(35, 0.06)
	f(work, trend.Options{}, "a step at 35 by +6% held")
}

// A night on which a fixed piece of work took longer is out; a machine that stays slower is
// the usual one after a few nights.
func TestOddNights(t *testing.T) {
	out := func(work func(int) float64) (nights []int) {
		h := history{nights: 30, noise: 0.01, seed: 2, busy: -1, work: work, arms: map[string]func(int) float64{"a": flat}}
		for i, n := range trend.Of(h.make(t), trend.Options{}).Workloads[0].Nights {
			if n.Out != "" {
				nights = append(nights, i)
			}
		}
		return nights
	}
	if got := out(func(n int) float64 { return stepAt(12, 0.3)(n) / stepAt(13, 0.3)(n) }); !slices.Equal(got, []int{12}) {
		t.Errorf("out are the nights %v, want 12", got)
	}
	if got := out(stepAt(12, 0.3)); len(got) > 2 {
		t.Errorf("out are the nights %v of a machine that stayed slower", got)
	}
}

// Where the key changes another series begins; what may change within one stands at its
// night.
func TestKeys(t *testing.T) {
	h := history{nights: 30, noise: 0.01, seed: 4, busy: -1, arms: map[string]func(int) float64{"franz-go": stepAt(26, 0.08)}}
	h.run = func(n int, r *results.Run) {
		if n < 10 {
			r.Broker.Title = "Apache Kafka 4.2.0, 3 nodes"
		}
		if n >= 26 {
			r.Clients = map[string]string{"franz-go": "github.com/twmb/franz-go@v1.22.2"}
		}
	}
	tr := trend.Of(h.make(t), trend.Options{})
	if len(tr.Workloads) != 2 || !tr.Workloads[0].Earlier || tr.Workloads[1].Earlier || len(tr.Workloads[1].Nights) != 20 {
		t.Fatalf("%d series of nights", len(tr.Workloads))
	}
	if d := tr.Workloads[1].Differs; len(d) != 1 || d[0].What != "broker" {
		t.Errorf("the second differs in %v", d)
	}
	c := changes(t, &trend.Trend{Workloads: tr.Workloads[1:]}, "franz-go")
	if len(c) != 1 || c[0].Night != 16 || len(c[0].What) != 1 || c[0].What[0].Run != "github.com/twmb/franz-go@v1.22.2" {
		t.Errorf("changes %+v", c)
	}
}

// A run that was cut off is no night, and few nights are said to be few.
func TestFew(t *testing.T) {
	h := history{nights: 8, noise: 0.01, seed: 4, busy: -1, arms: map[string]func(int) float64{"a": flat}}
	h.run = func(n int, r *results.Run) {
		if n == 3 {
			r.State = results.StateInterrupted
		}
	}
	tr := trend.Of(h.make(t), trend.Options{})
	w := &tr.Workloads[0]
	if w.Nights[3].Out != "the run is interrupted" || w.Series[0].Why != "it takes 8 nights, and there are 7" || tr.Looked() {
		t.Errorf("%q, %q", w.Nights[3].Out, w.Series[0].Why)
	}
}

// The same nights give the same bytes, in whatever order they come; word by word.
func TestGolden(t *testing.T) {
	h := history{nights: 60, noise: 0.015, seed: 11, busy: 21, arms: map[string]func(int) float64{
		"franz-go": stepAt(55, 0.05), "kafka-go": driftBy(0.001), "sarama": flat, "sarama@v1.60.1": flat,
	}}
	h.run = func(n int, r *results.Run) {
		if n >= 40 {
			r.Machine.Kernel = "6.12.1"
		}
		if n >= 55 {
			r.Clients = map[string]string{"franz-go": "github.com/twmb/franz-go@v1.22.2"}
		}
	}
	nights := h.make(t)
	tr := trend.Of(nights, trend.Options{})
	slices.Reverse(nights)
	f := func(file string, write func(*bytes.Buffer, *trend.Trend) error) {
		t.Helper()
		var got, again bytes.Buffer
		if err := write(&got, tr); err != nil {
			t.Fatal(err)
		}
		if err := write(&again, trend.Of(nights, trend.Options{})); err != nil || again.String() != got.String() {
			t.Errorf("%s: other bytes of the same nights (%v)", file, err)
		}
		path := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if diff := cmp.Diff(string(want), got.String()); err != nil || diff != "" {
			t.Errorf("%s, want to got: %v\n%s", path, err, diff)
		}
		for i, line := range strings.Split(got.String(), "\n") {
			if n := len([]rune(line)); strings.HasSuffix(file, ".txt") && n > 80 {
				t.Errorf("%s:%d has %d columns", path, i+1, n)
			}
		}
	}
	f("nights.txt", func(b *bytes.Buffer, tr *trend.Trend) error { return text.Trend(b, tr, 30, text.Options{Width: 80}) })
	f("nights.csv", func(b *bytes.Buffer, tr *trend.Trend) error { return tr.CSV(b) })
	f("nights.json", func(b *bytes.Buffer, tr *trend.Trend) error {
		data, err := results.EncodeJSON(tr)
		b.Write(data)
		return err
	})
}
