package record

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// ReadDeliveries returns the spans of a file in the order of their pages; those
// of one lane are in the order in which they were opened.
func ReadDeliveries(path string) (DeliveriesMeta, []Span, error) {
	var spans []Span
	meta, err := EachSpan(path, func(s Span) { spans = append(spans, s) })
	return meta, spans, err
}

// ReadLatencies returns the intervals of a file as they were written. A last
// line that is incomplete is passed over: the writer may have been killed.
func ReadLatencies(path string) ([]Interval, error) {
	var all []Interval
	err := eachInterval(path, func(i Interval, encoded []byte) error {
		h, err := hdrhistogram.Decode(encoded)
		if err != nil {
			return fmt.Errorf("histogram: %w", err)
		}
		h.SetTag(i.Metric + "." + i.Phase)
		i.Hist = h
		all = append(all, i)
		return nil
	})
	return all, err
}
