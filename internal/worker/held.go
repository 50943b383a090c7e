package worker

import (
	"time"

	"github.com/kbench/kbench/results/record"
)

// held keeps apart whose time it was that a record of a schedule waited, from when
// it was due until it was handed over: the client's, whose Send had not returned or
// whose window had no room, or the generator's own. It is the generator's alone.
//
//	due ...... Send ==== ...... no room ==== ... handed over
//	    own          held   own         held  own
//
// Of a reference producer all of it is a sign that others than the client under test
// kept the record waiting.
type held struct {
	reference bool

	own, room, all *record.Series // of each record: own, without room, without room or inside Send
	send           *record.Series // of each call

	// points are the sums of both by time. Between two of them they grow evenly.
	// Those after passed lie after the record that was asked for last: due times do
	// not fall.
	points []point
	passed int

	// late is, of each second in which the generator itself was late, or a reference
	// producer with its client, the record that was latest by it. Second is when the
	// last of them began, timely is when it last handed one over in time.
	late   []record.Late
	second int64
	timely int64
}

type point struct{ t, send, room int64 }

// mostPoints is how many are kept. Where more are asked for, because the generator
// is far behind its schedule, every second one is dropped: then what lies between
// is shared out evenly.
const mostPoints = 1 << 12

func newHeld(l *record.Latencies, reference bool) *held {
	return &held{
		reference: reference,
		own:       l.Series("schedule.lag"), room: l.Series("produce.no_room"), all: l.Series("schedule.held"), send: l.Series("produce.send_time"),
		points: make([]point, 1, mostPoints),
	}
}

// sent notes a call of Send with records of which the first was due at due.
func (h *held) sent(due, from, to int64) {
	h.send.Record(due, to, to-from)
	h.add(from, to, to-from, 0)
	if h.reference {
		h.behind(due, to, to-due)
	}
}

// full notes a wait for room.
func (h *held) full(from, to int64) { h.add(from, to, 0, to-from) }

func (h *held) add(from, to, send, room int64) {
	if len(h.points)+2 > cap(h.points) {
		h.makeRoom()
	}
	last := h.points[len(h.points)-1]
	if from > last.t {
		last.t = from
		h.points = append(h.points, last)
	}
	h.points = append(h.points, point{to, last.send + send, last.room + room})
}

// makeRoom forgets what is passed, and where that is little every second point that
// is left but for the first and the last.
func (h *held) makeRoom() {
	h.points, h.passed = h.points[:copy(h.points, h.points[h.passed:])], 0
	n := len(h.points)
	if n <= cap(h.points)/2 {
		return
	}
	kept := 1
	for i := 2; i < n-1; i += 2 {
		h.points[kept] = h.points[i]
		kept++
	}
	h.points[kept] = h.points[n-1]
	h.points = h.points[:kept+1]
}

// since is how much of the time from due to the last point was spent inside Send,
// and how much without room.
func (h *held) since(due int64) (send, room int64) {
	last := len(h.points) - 1
	for h.passed < last && h.points[h.passed+1].t <= due {
		h.passed++
	}
	at := h.points[h.passed]
	if h.passed < last && due > at.t {
		next := h.points[h.passed+1]
		share := float64(due-at.t) / float64(next.t-at.t)
		at.send += int64(share * float64(next.send-at.send))
		at.room += int64(share * float64(next.room-at.room))
	}
	return h.points[last].send - at.send, h.points[last].room - at.room
}

// record writes down a record that is handed over now.
func (h *held) record(due, now int64) {
	send, room := h.since(due)
	late := now - due
	h.own.Record(due, now, late-send-room)
	if !h.reference {
		h.behind(due, now, late-send-room)
	}
	h.room.Record(due, now, room)
	h.all.Record(due, now, send+room)
}

// behind keeps what others than the client under test made a record late by.
func (h *held) behind(due, now, own int64) {
	if own <= record.LateAfter {
		h.timely = now
		return
	}
	l := record.Late{Since: min(h.timely, now-own), Due: now - own, T: now}
	if n := len(h.late); n > 0 && now-h.second < int64(time.Second) {
		if h.late[n-1].By() < own {
			h.late[n-1] = l
		}
		return
	}
	h.late, h.second = append(h.late, l), now
}

func (h *held) close() {
	for _, s := range []*record.Series{h.own, h.room, h.all, h.send} {
		s.Close()
	}
}
