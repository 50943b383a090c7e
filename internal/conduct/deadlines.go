package conduct

import (
	"cmp"
	"time"
)

// Deadlines bound the steps of a trial whose length does not follow from the
// workload. They are generous: a deadline is there to end what hangs, never to
// judge what is slow. A zero field has its default.
type Deadlines struct {
	Start   time.Duration // for a worker to be ready, and for a request to the cluster
	Stable  time.Duration // for the group to have all its members and partitions
	Close   time.Duration // for a worker to close its client, leave the group and save its files
	Silence time.Duration // without a word, a worker is taken to be stuck or stopped
	Abort   time.Duration // for a worker of a trial that has ended early to save its files
}

// normal fills in the defaults.
func (d Deadlines) normal() Deadlines {
	return Deadlines{
		Start:   cmp.Or(d.Start, 30*time.Second),
		Stable:  cmp.Or(d.Stable, 90*time.Second),
		Close:   cmp.Or(d.Close, 45*time.Second),
		Silence: cmp.Or(d.Silence, 10*time.Second),
		Abort:   cmp.Or(d.Abort, 8*time.Second),
	}
}
