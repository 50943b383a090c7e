package window

import (
	"slices"
	"testing"

	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
)

// Each record of a span comes out with its own times; a redelivery changes
// nothing, and what was acked and never came is late until the end.
func TestRecords(t *testing.T) {
	logs := []audit.Log{
		{Worker: "reference-0", Spans: record.HoldSpans([]record.Span{
			{Kind: record.Acked, Count: 5, Due: 100, LastDue: 500, At: 110, LastAt: 510},
			{Kind: record.Failed, First: 5, Count: 1, Due: 600, At: 610},
		}...)},
		{Worker: "consumer-0", Spans: record.HoldSpans([]record.Span{
			{Kind: record.Delivered, Count: 3, Due: 100, LastDue: 300, At: 1000, LastAt: 1020, MaxLate: 900},
		}...)},
		{Worker: "consumer-1", Spans: record.HoldSpans([]record.Span{
			{Kind: record.Delivered, First: 2, Count: 2, Due: 300, LastDue: 400, At: 2000, LastAt: 2000, MaxLate: 1700},
			{Kind: record.Delivered, First: 6, Count: 1, Due: 700, LastDue: 700, At: 705, LastAt: 705, MaxLate: 5},
		}...)},
	}
	workers := []Worker{{Name: "consumer-0"}, {Name: "consumer-1"}}
	var got []Record
	in := Input{Records: newRecords(logs, workers, 9000)}
	for r := range in.due(0, 0, 9000) {
		got = append(got, r)
	}
	slices.SortFunc(got, func(a, b Record) int { return int(a.Due - b.Due) })
	same(t, "records", got, []Record{
		{Due: 100, At: 1000, By: 0},
		{Due: 200, At: 1010, By: 0},
		{Due: 300, At: 1020, By: 0},
		{Due: 400, At: 2000, By: 1},
		{Due: 500, At: 9000, By: -1, Lost: true},
		{Due: 700, At: 705, By: 1}, // its ack was lost; it is there
	})
}

// The largest lateness of a span is exact where the times between its ends are
// not.
func TestSpanKeepsItsWorst(t *testing.T) {
	due, late := apart(&record.Span{Count: 4, Due: 0, LastDue: 30, At: 10, LastAt: 40, MaxLate: 25}, nil, nil)
	for i := range late {
		late[i] -= due[i]
	}
	same(t, "lateness", late, []int64{25, 10, 10, 10})
}
