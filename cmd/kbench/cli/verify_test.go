package cli

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/internal/verify"
)

// TestVerdict: one wrong answer is enough to say so, and why.
func TestVerdict(t *testing.T) {
	good := verify.Answer{Case: verify.Case{Name: "drop", Driver: loopback.New()}, Injected: "84 records not delivered", Reported: "audit.lost 84"}
	bad := good
	bad.Reported, bad.Wrong = "audit.lost 83", []string{"audit.lost is 83, not 84"}

	f := func(answers []verify.Answer, wrong int, says ...string) {
		t.Helper()
		var out strings.Builder
		if got := printAnswers(&out, answers); got != wrong {
			t.Errorf("%d are wrong, want %d", got, wrong)
		}
		for _, s := range says {
			if !strings.Contains(out.String(), s) {
				t.Errorf("it does not say %q:\n%s", s, out.String())
			}
		}
		if trusted := strings.Contains(out.String(), "can be trusted"); trusted != (wrong == 0) {
			t.Errorf("it says trusted: %v", trusted)
		}
	}
	f([]verify.Answer{good, good}, 0, "each of 2 known answers", "ok")
	f([]verify.Answer{good, bad}, 1, "cannot be trusted", "OFF", "  drop, loopback: audit.lost is 83, not 84")
}
