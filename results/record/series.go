package record

// Series records one metric of one lane. One goroutine at a time may use it; it
// owns its histograms until it hands them to the writer at the end of an
// interval.
type Series struct {
	w        *Latencies
	metric   string
	phases   *phases
	from, to int64 // bounds of the interval being filled; to 0 before the first
	cells    [phaseCount]cell
}

// Record takes one value in ns. phaseTime is the intended time of the record
// and decides which phase it counts for; now is the present and decides which
// interval. Values outside MinLatency .. MaxLatency are moved to the nearer
// bound and counted.
func (s *Series) Record(phaseTime, now, value int64) {
	p := s.w.phases.Load()
	if now >= s.to || p != s.phases {
		s.turn(p, now)
	}
	c := &s.cells[p.of(phaseTime)]
	if c.few == nil {
		c.few = s.w.histogram()
	}
	if value < MinLatency {
		value = MinLatency
		c.below++
	} else if value > MaxLatency {
		value = MaxLatency
		c.above++
	}
	// Recording cannot fail: the value lies in the histogram's range.
	if c.all != nil {
		_ = c.all.RecordValue(value)
		return
	}
	_ = c.few.RecordValue(value)
	if c.few.Populated() > mostFew {
		c.all = s.w.dense()
		c.few.MergeInto(c.all)
		c.few.Reset()
	}
}

// RecordMany takes a value that n records share. It is not for hot paths.
func (s *Series) RecordMany(phaseTime, now, value, n int64) {
	if n < 1 {
		return
	}
	s.Record(phaseTime, now, value)
	c := &s.cells[s.phases.of(phaseTime)]
	value = min(max(value, MinLatency), MaxLatency)
	if c.all != nil {
		_ = c.all.RecordValues(value, n-1)
	} else {
		_ = c.few.RecordValues(value, n-1)
	}
}

// turn begins another interval where the present one is over. It never waits:
// while the writer is behind, the interval goes on and covers more time.
func (s *Series) turn(p *phases, now int64) {
	from, to := p.interval(max(now, s.w.origin), s.w.every)
	from = max(from, s.w.origin)
	switch {
	case now < s.to:
		// Only the grid has moved. What is open began on the old one.
		s.to = min(s.to, to)
	case s.empty():
		s.from, s.to = from, to
	default:
		select {
		case s.w.full <- batch{metric: s.metric, from: s.from, to: s.to, cells: s.cells}:
			s.cells = [phaseCount]cell{}
			s.from, s.to = from, to
		default:
			s.to = to
		}
	}
	s.phases = p
}

// Close hands in what the open interval holds. A record after Close opens the
// series again; Latencies.Close flushes it.
func (s *Series) Close() {
	b, some := s.take()
	if !some {
		return
	}
	select {
	case s.w.full <- b:
	case <-s.w.done:
		// Everything has been written; nobody takes this any more.
		s.cells = b.cells
	}
}

// take empties the series.
func (s *Series) take() (b batch, some bool) {
	if s.empty() {
		return batch{}, false
	}
	b = batch{metric: s.metric, from: s.from, to: s.to, cells: s.cells}
	s.cells, s.to = [phaseCount]cell{}, 0
	return b, true
}

func (s *Series) empty() bool {
	for i := range s.cells {
		if s.cells[i].few != nil {
			return false
		}
	}
	return true
}
