package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/scripts/bare"
)

// track is one process from its first record on: a point about every second, as
// the bare loop reports it. Both sides of a pair are brought into this form and then
// treated alike.
type track struct {
	First  int64 // when the first record was acked or delivered
	Points []bare.Report
}

// figures are the measured part of a track.
type figures struct {
	From    int64   `json:"from"`
	To      int64   `json:"to"`
	Records int64   `json:"records"`
	CPUNs   float64 `json:"cpu_ns_per_record"`
	Rate    float64 `json:"records_per_second"`
	GCs     int64   `json:"gcs"`
}

// tick is how far apart points are: a second, by a timer that may be a little
// late.
const tick = 1050 * time.Millisecond

// shortWindow is the error of a measured part that is too short to stand beside
// the others.
type shortWindow struct{ got, want time.Duration }

func (e shortWindow) Error() string {
	return fmt.Sprintf("the measured part has %.1fs of %s: the process ended early, or the topic holds too few records (--fill)", e.got.Seconds(), e.want)
}

// length is how long the measured part really was.
func (f figures) length() time.Duration { return time.Duration(f.To - f.From) }

// cut takes the measured part: it begins with the first point after the warm-up
// and ends with the last one within the window. Where a topic of total records is
// read (0: no end), points near its end are left out, for a client that runs dry
// waits. A part that lacks more than a tick of the window is refused.
func (t track) cut(warmup, window time.Duration, total int64) (figures, error) {
	if t.First == 0 {
		return figures{}, errors.New("no record came through")
	}
	var from, to *bare.Report
	for i := range t.Points {
		p := &t.Points[i]
		switch {
		case total > 0 && p.Records > total-total/20:
		case from == nil:
			if p.T >= t.First+int64(warmup) {
				from = p
			}
		// Points come once a second by a timer, so the last may be a little late.
		case p.T <= from.T+int64(window)+int64(window)/20:
			to = p
		}
	}
	if from == nil || to == nil {
		return figures{}, shortWindow{0, window}
	}
	if got := time.Duration(to.T - from.T); got < window-tick {
		return figures{}, shortWindow{got, window}
	}
	n := to.Records - from.Records
	if n <= 0 {
		return figures{}, errors.New("nothing moved in the measured part")
	}
	return figures{
		From: from.T, To: to.T, Records: n,
		CPUNs: float64(to.CPUUser+to.CPUSys-from.CPUUser-from.CPUSys) / float64(n),
		Rate:  float64(n) / time.Duration(to.T-from.T).Seconds(),
		GCs:   to.GCs - from.GCs,
	}, nil
}

// readTrack makes a track from the raw files of a kbench worker: CPU from its
// runtime samples, records from its spans of the given kind.
func readTrack(dir string, kind record.Kind) (track, error) {
	var t track
	err := record.ReadEvents(filepath.Join(dir, results.EventsFile), func(e record.Event) error {
		if e.Runtime != nil {
			t.Points = append(t.Points, bare.Report{T: e.T, Runtime: *e.Runtime})
		}
		return nil
	})
	if err != nil {
		return t, err
	}
	var bad uint64
	_, err = record.EachSpan(filepath.Join(dir, results.DeliveryFile), func(s record.Span) {
		if s.Kind == record.Failed || s.Kind == record.Corrupt {
			bad += s.Count
		}
		if s.Kind != kind {
			return
		}
		if t.First == 0 || s.At < t.First {
			t.First = s.At
		}
		for i := range t.Points {
			t.Points[i].Records += before(s, t.Points[i].T)
		}
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d records failed or were corrupt", bad)
	}
	return t, err
}

// before is how many records of a span came before a moment. Spans are short
// (they are cut on a grid of a tenth of a second or less), so their records may be
// taken as evenly spread.
func before(s record.Span, at int64) int64 {
	switch {
	case at <= s.At:
		return 0
	case at >= s.LastAt:
		return int64(s.Count)
	default:
		return int64(float64(s.Count) * float64(at-s.At) / float64(s.LastAt-s.At))
	}
}
