package window

import "cmp"

// Worst is the record of a partition that was the latest of all that were due
// in the measured part. In a trial without acts no window is opened, and its
// lateness is the partition's gap. It reports false where none was due.
func (in *Input) Worst(p int32) (Record, bool) {
	var worst Record
	some := false
	for r := range in.due(p, in.Measured.From, in.Measured.To) {
		// Of equally late ones it is the first.
		if order := cmp.Or(cmp.Compare(r.Late(), worst.Late()), cmp.Compare(worst.Due, r.Due)); !some || order > 0 {
			worst, some = r, true
		}
	}
	return worst, some
}
