package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/internal/verify"
)

// TestVerdict: one wrong answer is enough to say so, and why.
func TestVerdict(t *testing.T) {
	good := verify.Answer{Case: verify.Case{Name: "drop", Driver: loopback.New()}, Injected: "84 records not delivered", Reported: "audit.lost 84"}
	bad := good
	bad.Reported, bad.Wrong = "audit.lost 83", []string{"audit.lost is 83, not 84"}
	type show = func(io.Writer, []verify.Answer) error

	f := func(show show, answers []verify.Answer, verdict string, says ...string) {
		t.Helper()
		var out strings.Builder
		if err := show(&out, answers); verdict == "" && err != nil || verdict != "" && (err == nil || err.Error() != verdict) {
			t.Errorf("the verdict is %v, want %q", err, verdict)
		}
		for _, s := range says {
			if !strings.Contains(out.String(), s) {
				t.Errorf("it does not say %q:\n%s", s, out.String())
			}
		}
		if trusted := strings.Contains(out.String(), "can be trusted") || strings.Contains(out.String(), `"ok": true,
  "seed"`); trusted != (verdict == "") {
			t.Errorf("it says trusted: %v:\n%s", trusted, out.String())
		}
	}
	f(printAnswers, []verify.Answer{good, good}, "", "each of 2 known answers", "ok")
	f(printAnswers, []verify.Answer{good, bad}, "1 of 2 known answers were not found", "cannot be trusted", "OFF", "  drop, loopback: audit.lost is 83, not 84")

	f(printTallies, []verify.Answer{good, good}, "", "drop  loopback  2/2    2", "1 question in 2 cases, each answered as often as it must be")
	f(printTallies, []verify.Answer{good, bad}, "1 of 1 known answers were not found as often as they must be", "drop  loopback  1/2    2", "OFF",
		"  loopback: drop, injected 84 records not delivered, reported audit.lost 83: audit.lost is 83, not 84")
	seed := uint64(5)
	f(answersJSON(&seed), []verify.Answer{good}, "", `"seed": 5`, `"found": 1`)
	f(answersJSON(&seed), []verify.Answer{good, bad}, "1 of 1 known answers were not found as often as they must be", `"need": 2`, `"audit.lost is 83, not 84"`)
}

// TestMissed: of 20 stops one may be out of its bound; it is told all the same,
// with the bound in words and in figures. With two the verdict is another.
func TestMissed(t *testing.T) {
	cases, err := verify.Thorough([]drivers.Driver{sarama.New(), loopback.New()}, verify.DefaultCounts())
	if err != nil {
		t.Fatal(err)
	}
	var answers []verify.Answer
	for _, c := range cases {
		if c.Client() == "sarama" && strings.HasPrefix(c.Name, "stop ") {
			answers = append(answers, verify.Answer{Case: c, Excess: &verify.Excess{Over: 3e6, Most: 25e6, Canary: 1e6, Tolerance: 20e6}})
		}
	}
	miss := func(i int) {
		answers[i].Excess = &verify.Excess{Over: 26e6, Most: 25e6, Canary: 1e6, Tolerance: 20e6}
		answers[i].Wrong = []string{fmt.Sprintf("it is wrong in the stop %d", i)}
	}
	miss(3)
	var out strings.Builder
	if err := printTallies(&out, answers); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"19/20", "+26ms", "0s to +25ms", "it is wrong in the stop 3", "sarama: stop: no shorter than the stop", "\nMissed, as often as may be:\n", "can be trusted"} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("it does not say %q:\n%s", s, out.String())
		}
	}
	miss(4)
	out.Reset()
	if err := printTallies(&out, answers); err == nil || strings.Contains(out.String(), "the machine itself was late") || !strings.Contains(out.String(), "\nWhat is off:\n") {
		t.Errorf("two of 20 may be missed, or the machine is to blame: %v\n%s", err, out.String())
	}
	answers[4].Excess.Canary = 21e6
	for _, show := range []func(io.Writer, []verify.Answer) error{printTallies, printAnswers} {
		out.Reset()
		if err := show(&out, answers); err == nil || !strings.Contains(out.String(), "In 1 of these the machine itself was later than the bound of the case allows for") {
			t.Errorf("%v, and the busy machine is not named:\n%s", err, out.String())
		}
	}
	out.Reset()
	if err := answersJSON(nil)(&out, answers); err == nil || strings.Contains(out.String(), `"seed"`) {
		t.Errorf("two of 20 may be missed in JSON, or there is a seed of which nothing was drawn: %v\n%s", err, out.String())
	}
	var doc struct {
		OK      bool
		Tallies []verify.Tally
		Cases   []struct{ Excess verify.Excess }
	}
	if err := json.Unmarshal([]byte(out.String()), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OK || len(doc.Tallies) != 1 || doc.Tallies[0].Found != 18 || doc.Tallies[0].Need != 19 || len(doc.Cases) != 20 || doc.Cases[3].Excess.Over != 26e6 {
		t.Errorf("got %+v", doc)
	}
}
