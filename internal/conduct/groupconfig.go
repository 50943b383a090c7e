package conduct

import (
	"context"
	"strconv"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
)

// prepareGroup does what must be done before the first member makes the group.
func (t *trial) prepareGroup(ctx context.Context) error {
	spec := &t.plan.Spec
	if spec.Consume.Members == 0 {
		return nil
	}
	if err := t.claimGroup(ctx); err != nil {
		return err
	}
	if g := spec.Group; g.Protocol == "consumer" {
		return t.configureGroup(ctx, g.Heartbeat, g.Session)
	}
	return nil
}

// claimGroup writes into the lease that the group will be this run's.
func (t *trial) claimGroup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.run.o.Deadlines.Start)
	defer cancel()
	return t.cluster.ClaimGroup(ctx, t.out.Group)
}

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
	t.out.Wire = append(t.out.Wire, groupTime(drivers.KeyHeartbeat, heartbeat, h), groupTime(drivers.KeySession, session, s))
	t.note("under the group protocol consumer the broker has heartbeat and session: set for the group, read back as %s and %s", h, s)
	return nil
}

// groupTime holds a time that the broker has against the one it was given, both
// in whole ms: a broker knows no others, and the clients of a classic group send
// theirs as such, too.
func groupTime(key string, want, got time.Duration) results.WireCheck {
	w, g := want.Milliseconds(), got.Milliseconds()
	return results.WireCheck{
		Worker: theCoordinator, Key: key, Claim: strconv.FormatInt(w, 10), Seen: strconv.FormatInt(g, 10), OK: g == w, Lie: g != w,
	}
}

// theCoordinator stands for the broker where trial.json names who said something.
const theCoordinator = "coordinator"
