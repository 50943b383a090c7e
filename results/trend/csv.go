package trend

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// CSV writes every value of every series, for tools that look at histories in other ways.
// Nights that are out have a row without a value.
func (t *Trend) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"time", "run", "workload", "host", "broker", "arm", "lane", "figure", "unit", "value", "out"})
	for i := range t.Workloads {
		work := &t.Workloads[i]
		for j := range work.Series {
			s := &work.Series[j]
			at := map[int]string{}
			for _, p := range s.Points {
				at[p.Night] = strconv.FormatFloat(p.Value, 'g', -1, 64)
			}
			for n, night := range work.Nights {
				if at[n] != "" || night.Out != "" {
					_ = out.Write([]string{night.Started, night.Run, work.Name, work.Host, work.Broker, s.Arm.Name, s.Arm.Lane, work.Figure(s), work.Measures[s.Measure].Unit, at[n], night.Out})
				}
			}
		}
	}
	if out.Flush(); out.Error() != nil { // it keeps the first error
		return fmt.Errorf("write csv: %w", out.Error())
	}
	return nil
}
