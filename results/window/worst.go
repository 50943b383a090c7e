package window

// Worst is the record of a partition that was the latest of all that were due
// in the measured part. In a trial without acts no window is opened, and its
// lateness is the partition's gap. It reports false where none was due.
func (in *Input) Worst(p int32) (Record, bool) {
	due := in.due(p, in.Measured.From, in.Measured.To)
	if len(due) == 0 {
		return Record{}, false
	}
	worst := due[0]
	for _, r := range due[1:] {
		if r.Late() > worst.Late() {
			worst = r
		}
	}
	return worst, true
}
