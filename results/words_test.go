package results_test

import (
	"encoding/json"
	"testing"

	"github.com/kbench/kbench/results"
)

// An end stands in trial.json as the words that it always had, and what is read
// is written again as it was.
func TestEnd(t *testing.T) {
	f := func(words string, want results.End, crash, byItself bool) {
		t.Helper()
		quoted, err := json.Marshal(words)
		if err != nil {
			t.Fatal(err)
		}
		var got results.End
		if err := json.Unmarshal(quoted, &got); err != nil {
			t.Fatal(err)
		}
		if got != want || got.Crash() != crash || got.ByItself() != byItself {
			t.Errorf("%q is %+v, a crash %v, by itself %v", words, got, got.Crash(), got.ByItself())
		}
		if again, err := json.Marshal(got); err != nil || string(again) != string(quoted) {
			t.Errorf("%s became %s, %v", quoted, again, err)
		}
	}
	f("exited 0", results.End{}, false, false)
	f("exited 7", results.End{Code: 7}, false, true)
	f("killed by kbench: SIGKILL", results.End{How: results.Killed, Signal: "SIGKILL"}, true, false)
	f("killed by kbench: SIGTERM", results.End{How: results.Killed, Signal: "SIGTERM"}, false, false)
	f("died: SIGSEGV", results.End{How: results.Died, Signal: "SIGSEGV"}, false, true)
	f("died: SIGKILL", results.End{How: results.Died, Signal: "SIGKILL"}, false, true)
	f("died: signal 99", results.End{How: results.Died, Signal: "signal 99"}, false, true)
	f("host lost", results.End{How: results.Lost}, false, false)
	f("running", results.End{How: results.Running}, false, false)
	f("end not known: no child", results.End{How: results.Unknown, Words: "end not known: no child"}, false, false)
	f("exited 007", results.End{How: results.Unknown, Words: "exited 007"}, false, false)
	f("", results.End{How: results.Unknown}, false, false)
}
