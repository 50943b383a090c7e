package conduct

import (
	"context"
	"strconv"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
)

// configureGroup gives a group of KIP-848 the heartbeat and the session of the
// workload. The broker has them there, so no tap could hold the clients against
// what was asked: they are read back, and said.
func (t *trial) configureGroup(ctx context.Context, heartbeat, session time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, t.run.o.Deadlines.Start)
	defer cancel()
	if err := t.cluster.ConfigureGroup(ctx, t.out.Group, heartbeat, session); err != nil {
		return err
	}
	h, s, err := t.cluster.GroupTimes(ctx, t.out.Group)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		key       string
		want, got time.Duration
	}{{drivers.KeyHeartbeat, heartbeat, h}, {drivers.KeySession, session, s}} {
		t.out.Wire = append(t.out.Wire, results.WireCheck{
			Worker: theCoordinator, Key: c.key, Claim: strconv.FormatInt(c.want.Milliseconds(), 10), Seen: strconv.FormatInt(c.got.Milliseconds(), 10),
			OK: c.got == c.want, Lie: c.got != c.want,
		})
	}
	t.note("under the group protocol consumer the broker has heartbeat and session: set for the group, read back as %s and %s", h, s)
	return nil
}

// theCoordinator stands for the broker where trial.json names who said something.
const theCoordinator = "coordinator"
