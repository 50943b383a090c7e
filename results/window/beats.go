package window

import "slices"

// beatGap is the longest time between two heartbeats of a member while nothing
// happened to the group, and how many such times there were. A client that sends
// them behind other requests shows it here, long before a session runs out.
func (a *analysis) beatGap() (longest int64, n int) {
	disturbed := func(from, to int64) bool {
		return slices.ContainsFunc(a.windows, func(w actWindow) bool { return w.From < to && from < w.To })
	}
	for i := range a.Workers {
		last := int64(0) // the beat before; 0: the member was not at rest since
		for _, c := range a.Workers[i].Calls {
			switch c.API {
			case apiJoin, apiSync, apiLeave:
				last = 0
			case apiBeat, apiConsumer:
				if last > 0 && last >= a.Measured.From && c.Req <= a.Measured.To && !disturbed(last, c.Req) {
					longest, n = max(longest, c.Req-last), n+1
				}
				if last = c.Req; !c.ok() {
					last = 0
				}
			}
		}
	}
	return longest, n
}
