package conduct_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"testing"

	"github.com/kbench/kbench/internal/aside"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/workloads"
)

// deafArg makes this binary the command of a run whose broker obeys orders to have a node
// stand still by doing nothing, and says that it has carried them out.
const deafArg = "deaf"

func deaf(ctx context.Context) error {
	if os.Args[2] == "worker" {
		return worker.Main(context.WithoutCancel(ctx), table(), aside.Parts(), os.Stdin, os.Stdout)
	}
	in, orders := io.Pipe()
	go func() {
		lines := bufio.NewReader(os.Stdin)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				_ = orders.CloseWithError(err)
				return
			}
			_, _ = orders.Write(bytes.Replace(line, []byte(`"do":"stop"`), []byte(`"do":"continue"`), 1))
		}
	}()
	return cluster.Serve(ctx, cluster.Options{Log: os.Stderr}, in, os.Stdout, true)
}

// TestBrokerDeaf: an act that says that it stopped a node, and did not, is not believed: the
// node says otherwise, and the trial fails.
func TestBrokerDeaf(t *testing.T) {
	onEmbedded(t)
	const doc = `
name: deaf
topic:   {partitions: 6, replication: 3}
produce: {by: reference, rate: 300/s}
consume: {members: 1, commit: {mode: marked, every: 200ms}}
group:   {session: 10s, heartbeat: 500ms}
phases:  {warmup: 200ms, drain: 60s}
churn:   [{do: broker, fault: stop, node: leader, for: 8s, at: 300ms}]
`
	spec := written(t, doc)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go"))
	o.Self = append(o.Self, deafArg)
	got, err := run(t, bounded(t), o)
	if err == nil {
		t.Error("the run passed")
	}
	got.wantStates(t, "failed")
	wantWords(t, got.trials[0].Error, "act 1, stop leader: node", "answers all the same")
}
