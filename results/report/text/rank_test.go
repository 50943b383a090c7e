package text

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// The first screen has at most ten lines, whatever there is to say: here a suite
// of more workloads than it shows, in which everything is marked and lost.
func TestFirstScreen(t *testing.T) {
	r := &report.Report{}
	for _, name := range []string{"produce-max", "produce-rate", "consume-backlog", "end-to-end", "churn-sample", "another"} {
		w := report.Workload{Name: name, Ranking: &report.Ranking{Label: "due to ack, p99", Unit: results.UnitNs, Rounds: 2, Chance: 1. / 3}}
		for i, arm := range []string{"franz-go", "kafka-go", "sarama"} {
			w.Arms = append(w.Arms, report.Arm{
				Name: arm, Rounds: 2, Marks: []report.Mark{{Metric: results.TrialLimited, Class: "broker", Trials: 1 + i%2}},
				Audit: &report.Audit{Findings: []report.Finding{{Metric: results.AuditLost, Count: 12_345}}},
			})
			w.Ranking.Standings = append(w.Ranking.Standings, report.Standing{Arm: i, Value: 1234e6, Least: 1e9, Most: 2e9, Rounds: 2, Marked: 1, Apart: i == 0})
		}
		r.Workloads = append(r.Workloads, w)
	}
	p := newPage(Options{})
	p.ranking(r)
	lines := strings.Split(strings.TrimSpace(p.String()), "\n")
	if len(lines) > 10 {
		t.Errorf("%d lines", len(lines))
	}
	for i, l := range lines {
		if n := len([]rune(l)); n > defaultWidth {
			t.Errorf("line %d has %d columns", i+1, n)
		}
	}
	for _, want := range []string{
		"produce-max      due to ack, p99, s  franz-go 1.23 ±41% > kafka-go 1.23 ±41% ~ sarama 1.23 ±41%",
		"In short, the best first (5 of 6 workloads)",
		"2 unmarked rounds; > where their ranges are apart, which chance alone makes of 1 in 3 pairs",
		"produce-max: franz-go, sarama limited by broker 1/2; produce-max: franz-go, kafka-go,",
		"more below",
	} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, p.String())
		}
	}
}

// Arms without a place are named while they are few.
func TestPlaceless(t *testing.T) {
	f := func(want string, titles ...string) {
		t.Helper()
		w := &report.Workload{Ranking: &report.Ranking{Standings: []report.Standing{{Arm: 0}}}}
		for _, title := range titles {
			a := report.Arm{Name: title}
			if title == "sarama" {
				a.Refused = "it cannot"
			}
			w.Arms = append(w.Arms, a)
		}
		if got := placeless(w); got != want {
			t.Errorf("%q: %q, want %q", titles, got, want)
		}
	}
	f("", "franz-go")
	f(", kafka-go has none", "franz-go", "kafka-go")
	f(", a, b have none, sarama n/a", "franz-go", "a", "sarama", "b")
	f(", sarama n/a, 5 others have none", "franz-go", "sarama", "a", "b", "c", "d", "e")
}

// Of rounds that differ in number it is said what the fewest tell.
func TestTrust(t *testing.T) {
	f := func(want string, rounds ...int) {
		t.Helper()
		var ranked []*report.Workload
		for _, n := range rounds {
			ranked = append(ranked, &report.Workload{Ranking: &report.Ranking{Rounds: n, Chance: 1 / float64(n*n)}})
		}
		if got := trust(ranked); got != want {
			t.Errorf("%v: %q, want %q", rounds, got, want)
		}
	}
	const apart = "; > where their ranges are apart, which chance alone makes of 1 in %d pairs of equal clients; ~ is open"
	f("1 round does not tell how far figures scatter, so that ~ is open: a verdict takes 6 (--rounds 6)", 1, 1)
	f("1 to 3 rounds"+fmt.Sprintf(apart, 9)+"; a verdict takes 6 (--rounds 6)", 1, 3)
	f("2 to 6 rounds"+fmt.Sprintf(apart, 4), 6, 2)
	f("6 rounds"+fmt.Sprintf(apart, 36), 6)
}

// A client that is fast with what it sends, and fails to send the rest, is named.
func TestDoubtsOfRecords(t *testing.T) {
	a := &report.Arm{Audit: &report.Audit{
		Findings: []report.Finding{{Metric: results.AuditLost, Count: 1}, {Metric: results.AuditUndelivered, Count: 2}, {Metric: results.AuditDuplicate, Count: 3}},
		Sends:    []report.Finding{{Metric: results.ProduceFailed, Count: 4}, {Metric: results.ProduceUnanswered, Count: 5}, {Metric: results.ProduceTwice, Count: 6}},
	}}
	want := []string{"lost 1 record", "left undelivered 2 records", "failed to send 4 records", "never answered for 5 records"}
	if got := doubtsOf(a); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
