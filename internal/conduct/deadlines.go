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
	Close   time.Duration // for a worker to close its client, leave the group and save its files, and for them to come home
	Silence time.Duration // without a word, a worker is taken to be stuck or stopped
	Abort   time.Duration // for a worker of a trial that has ended early to save its files, and for them to come home
	// Stuck is for how long a member that owns a partition of which there is something
	// may hand nothing on before it is looked at.
	Stuck time.Duration
	// Transfer is for a backlog to be filled, or a topic to be read back, besides
	// the time that its records take.
	Transfer time.Duration
}

// normal fills in the defaults.
func (d Deadlines) normal() Deadlines {
	return Deadlines{
		Start:   cmp.Or(d.Start, 30*time.Second),
		Stable:  cmp.Or(d.Stable, 90*time.Second),
		Close:   cmp.Or(d.Close, 45*time.Second),
		Silence: cmp.Or(d.Silence, 10*time.Second),
		Abort:   cmp.Or(d.Abort, 8*time.Second),
		Stuck:   cmp.Or(d.Stuck, 5*time.Second),

		Transfer: cmp.Or(d.Transfer, 10*time.Minute),
	}
}

// slowest is how many records a second are moved at the least by whatever is not
// broken: a tenth of what a small machine does.
const slowest = 20_000

// transfer is how long so many records may take to be written or read by kbench
// itself.
func (d Deadlines) transfer(records int64) time.Duration {
	return d.Transfer + handling(records, 0)
}

// handling is how long a member may take with so many records, one after the
// other, each of which its handler keeps for so long. It does not run over: what
// takes a century may as well take two.
func handling(records int64, each time.Duration) time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	seconds := float64(records)/slowest + float64(records)*each.Seconds()
	return time.Duration(min(seconds, century.Seconds()) * float64(time.Second))
}

// total is how many records lie before the end offsets.
func total(ends map[int32]int64) (records int64) {
	for _, n := range ends {
		records += n
	}
	return records
}
