package workloads

// MostCompared bounds the figures by which arms are compared. Chance finds something in
// one of many, so each more makes all of them harder to decide.
const MostCompared = 3

// Compared are the figures by which arms are compared: those that are written, or what
// the kind of workload is about. As fast as it goes, that is what a record costs before
// how many there are, since on a small machine the rate is the broker's; under churn it
// is what nobody but the client explains of a stop, for each kind of act.
func (s *Spec) Compared() []string {
	const (
		consumers, produced = "cpu.per_record{role=consumer} by 3%", "cpu.per_record{role=producer} by 3%"
		arrival, answer     = "p99(e2e.response) by 5%", "p99(produce.response) by 5%"
	)
	switch {
	case len(s.Compare) > 0:
		return s.Compare
	case len(s.Churn) > 0:
		return []string{"pause.gap_unexplained by 10% or 50ms"}
	case s.Kind() == Backlog:
		return []string{"cpu.per_record by 3%", "consume.throughput by 3%"}
	case s.Kind() == Producing && s.Produce.Rate.Max:
		return []string{"cpu.per_record by 3%", "produce.throughput by 3%"}
	case s.Kind() == Producing:
		return []string{"cpu.per_record by 3%", answer}
	}
	last := arrival
	if s.Produce.Rate.Max {
		last = "consume.throughput by 3%"
	}
	if s.Produce.By == "reference" {
		return []string{consumers, last}
	}
	return []string{consumers, produced, last}
}
