package group

import "github.com/kbench/kbench/results/record"

// ViewFrom is the first view of the coordinator that was asked for at or after a
// time, nil without one.
func ViewFrom(events []record.Event, t int64) *record.GroupView {
	for _, e := range events {
		if e.K == record.EvGroup && e.View != nil && e.From >= t {
			return e.View
		}
	}
	return nil
}

// ViewBy is the last view of the coordinator that was answered by a time, nil without one.
func ViewBy(events []record.Event, t int64) (last *record.GroupView) {
	for _, e := range events {
		if e.K == record.EvGroup && e.View != nil && e.T <= t {
			last = e.View
		}
	}
	return last
}
