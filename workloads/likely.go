package workloads

import (
	"math"
	"time"

	"github.com/kbench/kbench/workloads/reader"
)

// likely is what the settings of a group make likely, whoever the client is: evictions
// and waits that its author may not have had in mind. All of it can be run, and may be
// what a workload is about.
func likely(s *Spec) (out findings) {
	if s.Consume.Members == 0 {
		return nil
	}
	c, g := &s.Consume, &s.Group
	show := reader.ShowDuration
	out.warn(g.Heartbeat < g.Session && g.Session < 3*g.Heartbeat, []string{"group.session", "group.heartbeat"},
		"a session of %s leaves no room for a lost heartbeat of %s; 3 heartbeats are usual", show(g.Session), show(g.Heartbeat))
	out.warn(c.Fetch.Wait > g.Heartbeat/2, []string{"consume.fetch.wait", "group.heartbeat"},
		"sarama sends heartbeats behind its fetches, so a wait of %s delays a heartbeat of %s; at most half of it is fair",
		show(c.Fetch.Wait), show(g.Heartbeat))
	out.warn(g.Protocol == "classic" && g.Rebalance <= g.Heartbeat, []string{"group.rebalance", "group.heartbeat"},
		"a member learns of a rebalance at its next heartbeat, up to %s later, and is evicted when it has not joined within %s; write a rebalance of several heartbeats",
		show(g.Heartbeat), show(g.Rebalance))
	out.warn(c.Fetch.Wait >= g.Rebalance, []string{"consume.fetch.wait", "group.rebalance"},
		"kafka-go joins again only when its fetches have returned, up to %s later, and is evicted after %s; write a shorter wait", show(c.Fetch.Wait), show(g.Rebalance))
	out = append(out, slowHandler(s)...)
	out = append(out, lateFetches(s)...)
	return append(out, lateBeats(s)...)
}

// most that a member may have in hand when it is to give partitions up: a poll of
// franz-go's, and what sarama keeps for a partition is half of it.
const inHand = 500

// slowHandler looks at whether a member can answer a rebalance in time, where a revoke
// waits for the handler.
func slowHandler(s *Spec) (out findings) {
	h, limit := &s.Consume.Handler, s.Group.Rebalance
	if h.Revoke != "wait" || h.Time == 0 {
		return nil
	}
	at := []string{"consume.handler.time", "group.rebalance"}
	out.warn(h.Time > limit, at, "a member that handles a record for %s cannot answer a rebalance within %s, and is evicted; write a longer rebalance or a shorter time",
		reader.ShowDuration(h.Time), reader.ShowDuration(limit))
	all := inHand * h.Time
	out.warn(h.Time <= limit && all > limit && (s.Overloaded() || s.Consume.Backlog > 0), at,
		"records come faster than they are handled, so a member may have %d in hand (a poll of franz-go's) and take %s to give partitions up, where a rebalance waits for %s; write a longer rebalance, a shorter time or a lower rate",
		inHand, reader.ShowDuration(all), reader.ShowDuration(limit))
	return out
}

// lateFetches looks at what the link of the whole trial makes of kafka-go's fetches. It
// has one deadline for the wait of the broker and the way together, of which the way has
// a second, or a quarter where that is less.
func lateFetches(s *Spec) (out findings) {
	l, wait := &s.Link, s.Consume.Fetch.Wait
	late, lost := l.trip(), ""
	if l.Loss > 0 {
		late, lost = 2*late+lostAgain, " once a segment is lost"
	}
	show := reader.ShowDuration
	out.warn(l.On != "producers" && wait < 750*time.Millisecond && late >= wait/3, []string{"consume.fetch.wait", "link.loss", "link.delay"},
		"kafka-go gives a fetch up whose answer comes %s after the broker's wait of %s, and dials again; over this link one comes %s later%s; a wait of 750ms or more gives it 1s",
		show(wait/3), show(wait), show(late), lost)
	return out
}

// lostAgain is after how long beyond a round trip TCP sends a segment again.
const lostAgain = 200 * time.Millisecond

// trip is what the link adds to a round trip.
func (l *Link) trip() time.Duration {
	if l.Direction == "both" {
		return 2 * l.Delay
	}
	return l.Delay
}

// lateBeats looks at what the link of the whole trial makes of heartbeats.
func lateBeats(s *Spec) (out findings) {
	l, g := &s.Link, &s.Group
	if l.On == "producers" || g.Heartbeat >= g.Session {
		return nil
	}
	show := reader.ShowDuration
	room := g.Session - g.Heartbeat // that a heartbeat may be late
	late := l.Delay
	if l.Direction == "in" {
		late = 0
	}
	out.warn(l.Blackhole, []string{"link.blackhole", "link"}, "nothing comes through for the whole trial, so no member can ever join; write an act with a time, such as churn: [{do: link, at: 10s, for: 30s, with: {blackhole: true}}]")
	out.warn(late >= room, []string{"link.delay", "group.session"},
		"heartbeats of %s come %s later than they are sent, and a session of %s does not last so long; write a longer session", show(g.Heartbeat), show(late), show(g.Session))
	out.warn(2*l.Delay >= g.Heartbeat && l.Direction == "both" || l.Delay >= g.Heartbeat, []string{"link.delay", "group.heartbeat"},
		"a heartbeat of %s is answered after a round trip that is longer; write a longer heartbeat", show(g.Heartbeat))
	n := s.evictions()
	out.warn(late < room && n >= 1, []string{"link.loss", "group.session"},
		"with a loss of %s about %.2g heartbeats an hour come later than the session of %s allows, and their members are evicted by the network alone; a longer session has fewer",
		l.Loss, n, show(g.Session))
	return out
}

// evictions is about how many heartbeats an hour losses alone make so late that the
// session ends before they come. A segment that is lost again and again comes after
// the sum of its timeouts, each of which is twice the one before.
func (s *Spec) evictions() float64 {
	l, g := &s.Link, &s.Group
	if l.Loss == 0 || l.Direction == "in" {
		return 0
	}
	again, sum := 0, l.Delay
	for wait := lostAgain + l.trip(); sum < g.Session-g.Heartbeat; wait *= 2 {
		sum += wait
		again++
	}
	beats := float64(time.Hour) / float64(g.Heartbeat) * float64(s.Consume.Members)
	return beats * math.Pow(float64(l.Loss), float64(again))
}
