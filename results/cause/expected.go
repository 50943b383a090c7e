package cause

import (
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/acts"
)

// Expected are the names that the first rebalance after an act may truthfully have; none
// where the act need not make any. What ends one client and starts another is a leave, or
// where the old one went unnoticed a join. A member whose link breaks is evicted, or gives
// up by itself; a client that leaves in good order as soon as it hears again (kafka-go)
// has left. What is done to a node of the broker need make none, and members that rejoin
// have lost their coordinator or a connection to it; of one that was answered with an error
// that is not true the wire does not show why.
func Expected(a *results.Act) []Cause {
	switch d := acts.Of(a.Kind); {
	case a.At == 0 || a.Refused():
		return nil
	case d.Ends && d.Joins:
		return []Cause{Leave, Join}
	case d.Joins:
		return []Cause{Join}
	case d.Abrupt, d.Stops:
		return []Cause{Process}
	case d.Ends:
		return []Cause{Leave}
	case d.Link:
		return []Cause{Network, Leave}
	case d.Grows:
		return []Cause{Metadata}
	case d.Node && a.Broker != nil && a.Broker.Lies():
		return []Cause{Coordinator, Network, Leave, Unknown}
	case d.Node:
		return []Cause{Coordinator, Network, Leave}
	}
	return nil
}
