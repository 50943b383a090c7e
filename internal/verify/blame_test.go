package verify

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/window"
)

// TestBlameJudges: who is blamed for a record that was 310 ms late, and who may be.
func TestBlameJudges(t *testing.T) {
	const ms = int64(1e6)
	at := func(from, to int64) results.Interval { return results.Interval{From: from * ms, To: to * ms} }
	stall := func(source blame.Source, who string, excuses bool, from, to int64) blame.Stall {
		s := blame.Stall{Source: source, Who: who, Node: -1, Excuses: excuses, Certain: at(from, to), Possible: at(from, to)}
		if source == blame.SourceBroker {
			s.Node = 0
		}
		return s
	}
	f := func(name string, judge judge, wrong string, stalls ...blame.Stall) {
		t.Helper()
		v := judge(Evidence{
			State: results.StateComplete, Meddled: at(100, 400), Owners: map[int32]string{0: "consumer-0"},
			Worst: map[int32]window.Record{0: {Due: 95 * ms, At: 405 * ms}},
			Stalls: &window.Stalls{
				All: stalls, Leaders: map[int32]int32{0: 0}, Coordinator: 0, Producers: []string{"reference-0"}, Hosts: map[string]string{},
			},
		})
		if got := strings.Join(v.wrong, "; "); got != wrong {
			t.Errorf("%s: %q, want %q (%s)", name, got, wrong, v.reported)
		}
	}
	reference := stall(blame.SourceProcess, "reference-0", true, 100, 400)
	client := stall(blame.SourceProcess, "consumer-0", false, 100, 400)
	broker := stall(blame.SourceBroker, "broker-0", true, 150, 400)
	machine := stall(blame.SourceMachine, "", true, 100, 400)
	little := stall(blame.SourceBroker, "broker-0", true, 100, 120)
	supervisor := stall(blame.SourceProcess, results.SupervisorProcess, true, 100, 400)

	byClient, byReference := blamed(blame.SourceProcess, "consumer-0", false), blamed(blame.SourceProcess, "reference-0", true)
	byBroker := blamed(blame.SourceBroker, "", true)
	f("client", byClient, "", client)
	f("client, and the machine was busy", byClient, "", client, stall(blame.SourceMachine, "", true, 100, 200))
	f("reference", byReference, "", reference, little)
	f("broker", byBroker, "", broker)
	f("nobody", byClient, "0s are blamed on it and 0s on others")
	f("the broker instead", byReference, "0s are blamed on it and 250ms on others", broker)
	f("the client instead", byReference, "0s are blamed on it and 0s on others", client)
	f("both", byReference, "150ms are blamed on it and 100ms on others", broker, stall(blame.SourceProcess, "reference-0", true, 250, 400))

	f("machine", machineBlamed, "", machine)
	f("no machine", machineBlamed, "the machine is blamed: false; 0s are blamed on others", client)
	f("machine before", machineBlamed, "the machine is blamed: false; 0s are blamed on others", stall(blame.SourceMachine, "", true, 10, 90))
	f("supervisor", supervisorBlamed, "", supervisor)
	f("no supervisor", supervisorBlamed, "0s are blamed on it and 300ms on others", reference)

	f("no excuse", noExcuse, "", client, machine)
	f("an excuse", noExcuse, "250ms are blamed on others", broker)
	f("quiet", quietBlame, "")
	f("quiet, and the machine was not", quietBlame, "", machine)
	f("the broker was not quiet", quietBlame, "250ms of lateness are blamed on broker broker-0", broker)
}

// quietBlame is what quiet says of blame alone.
func quietBlame(e Evidence) verdict {
	e.Sent = 1
	return quiet(e)
}
