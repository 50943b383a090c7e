package floors

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
)

func TestTable(t *testing.T) {
	r := &Report{
		Trial: results.TrialRef{Client: "sarama"}, Beat: 500.04e6,
		Verdicts: []Verdict{
			{
				Kind: "join", Events: 110, Survivors: 3, Mean: 251.26e6, Longest: 503e6, Spread: 1.24e6, Widest: 20e6, Expected: 250e6,
				AtH: Test{0.0612, 0.7}, AtLonger: Test{0.2449, 0.0000042},
			},
			{Kind: "leave", Events: 99, Refused: "99 events of 101 are too few, it takes 100"},
		},
		LeftOut: []LeftOut{{"leave#4", "leave", "2 acts share its window"}},
	}
	var out strings.Builder
	if err := WriteTable(&out, []*Report{r}); err != nil {
		t.Fatal(err)
	}
	want := `
client  kind   events  survivors  beats every  spread p50  max   law: mean  seen: mean  max    D at H  p    D at 1.3H  p
sarama  join   110     3          500.0        1.2         20.0  250.0      251.3       503.0  0.061   0.7  0.245      4.2e-06  holds
sarama  leave  99      -          500.0        -           -     -          -           -      -       -    -          -        no verdict: 99 events of 101 are too few, it takes 100
left out, sarama: leave#4: 2 acts share its window
`
	got := "\n"
	for line := range strings.Lines(out.String()) {
		got += strings.TrimRight(line, " \n") + "\n"
	}
	if got != want {
		t.Errorf("got:%swant:%s", got, want)
	}
	if r.Holds() || (&Report{}).Holds() || !(&Report{Verdicts: r.Verdicts[:1]}).Holds() {
		t.Error("a report holds where each of its verdicts does, and has one")
	}
}

func TestReadRunOfNothing(t *testing.T) {
	dir, err := results.Create(t.TempDir(), &results.Run{ID: "empty", State: results.StateComplete})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRun(dir.Path()); err == nil || !strings.Contains(err.Error(), "run empty: it has no trials") {
		t.Errorf("error is %v", err)
	}
	for _, refused := range []string{"", "it cannot"} {
		trial := &results.Trial{Ref: results.TrialRef{N: 1, Dir: "001-x-1" + refused, Arm: "x", Refused: refused}, State: results.StateRefused}
		if _, err := dir.CreateTrial(trial); err != nil {
			t.Fatal(err)
		}
	}
	reports, err := ReadRun(dir.Path())
	if len(reports) != 0 || err == nil || strings.Count(err.Error(), "floors of trial 1, x: it is refused and says nothing") != 2 || !strings.Contains(err.Error(), "it cannot") {
		t.Errorf("%d reports, %v", len(reports), err)
	}
}
