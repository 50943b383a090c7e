package workloads

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/reader"
)

// finest is the rate per partition from which a gap is seen finely enough: its
// resolution is the time between two records.
const finest = 20

// churnFindings looks at the timeline. An entry of which something could not be
// read is left alone, so that nothing is reported twice.
func churnFindings(s *Spec) (out findings) {
	if len(s.Churn) == 0 {
		out.fail(s.Leaks, []string{"leaks", "churn"}, "nothing is done between whose beginning and end something could leak; write churn, such as [{do: reopen, times: 100, when: stable}], or remove it")
		out.fail(s.Phases.Measure < shortest, []string{"phases.measure", "churn"}, "%s is too short to measure anything; write at least %s",
			reader.ShowDuration(s.Phases.Measure), reader.ShowDuration(shortest))
		return out
	}
	p := &s.Produce
	out.fail(s.Consume.Members == 0, []string{"consume.members"}, "there is no group that could churn; write members of at least 1 or remove churn")
	out.fail(s.Consume.Backlog > 0, []string{"consume.backlog"}, "a backlog is read by one settled member; remove it, or churn")
	out.fail(p.Rate.Max, []string{"produce.rate"}, "a gap is measured against the times at which records are due, and at rate max there are none; write a rate such as 600/s")
	out.fail(p.Schedule.Kind == "ramp" || p.Schedule.Kind == "steps", []string{"produce.schedule"},
		"a %s refers to the length of the measured part, which the timeline decides; write constant, poisson or bursts", p.Schedule.Kind)
	each := p.Rate.PerSecond / float64(max(s.Topic.Partitions, 1))
	out.warn(!p.Rate.Max && each < finest && !slow(s), []string{"produce.rate", "topic.partitions"},
		"each partition has %.3g records a second, so gaps are known to %s only; write at least %d/s for %d partitions",
		each, reader.ShowDuration(time.Duration(float64(time.Second)/each).Round(time.Millisecond)), finest*s.Topic.Partitions, s.Topic.Partitions)
	out = append(out, growthFindings(s)...)
	all := 0.0
	for i := range s.Churn {
		out = append(out, entryFindings(s, i)...)
		all += s.Churn[i].most(s)
	}
	out.fail(all > maxActs, []string{"churn", "consume.members"},
		"the timeline comes to %.0f acts, and more than %d cannot be looked at; write fewer times, members or entries", all, maxActs)
	return out
}

// most is how many acts an entry comes to, those that restore the group left out.
func (e *ChurnEntry) most(s *Spec) float64 {
	n := float64(max(e.Times, 1) * len(e.turn()))
	switch acts.Kind(e.Do) {
	case acts.Rolling:
		n *= float64(s.Consume.Members)
	case acts.AssignorRoll:
		n *= 2 * float64(s.Consume.Members)
	case acts.Crashloop:
		n *= math.Ceil(float64(e.For) / float64(max(e.Every, 1)))
	case acts.Storm:
		n *= e.Rate.PerSecond * e.For.Seconds()
	}
	return n
}

// growthFindings looks at acts that bring new partitions.
func growthFindings(s *Spec) (out findings) {
	found, told := false, false // new partitions, by their members
	for _, a := range s.Acts() {
		found = found || a.Grows && a.Refresh
		told = told || a.Grows && !a.Refresh
	}
	out.fail(found && told, []string{"churn"},
		"add-partitions and subscribe do not go together: new partitions then have no numbers that follow on the old ones; write a workload for each")
	out.fail((found || told) && s.Produce.Schedule.Kind == "bursts", []string{"produce.schedule"},
		"the partitions that add-partitions and subscribe bring have a schedule of their own, and no share in a burst; write constant or poisson")
	partitions := s.Topic.Partitions
	for i := range s.Churn {
		e := &s.Churn[i]
		for _, a := range e.Acts() {
			switch {
			case a.Grows && a.Refresh:
				partitions += max(e.Times, 1) * e.Count
			case a.Grows:
				partitions += max(e.Times, 1) * s.Topic.Partitions
			}
		}
	}
	out.fail(partitions > maxPartitions, []string{"churn", "topic.partitions"},
		"the acts bring the partitions to %d, more than %d; write fewer times, or a smaller count", partitions, maxPartitions)
	out.warn(found && s.Metadata.Refresh > patient, []string{"metadata.refresh", "churn"},
		"the clients look for new partitions every %s, and each add-partitions waits for that; write one of seconds, such as 2s", reader.ShowDuration(s.Metadata.Refresh))
	out.warn((found || told) && s.Consume.Start != "earliest", []string{"consume.start", "churn"},
		"records of new partitions that are due before a member has found them are skipped and count as lost; write earliest to have them read")
	return out
}

// maxPartitions is what all topics of a trial may have together.
const maxPartitions = 20_000

// patient is how long an act may wait for the next look at metadata without a
// word about it.
const patient = 30 * time.Second

// slow reports whether handlers cannot keep up with a rate at which gaps could
// be seen. Such a workload is about other things.
func slow(s *Spec) bool { return s.Consume.Handler.Time > time.Second/finest }

// Overloaded reports whether the records of a second take the handlers longer
// than a second. Each lane is one at work: of a member, or of a partition.
func (s *Spec) Overloaded() bool {
	lanes := s.Consume.Members
	if s.Consume.Handler.Lanes == "partition" {
		lanes = s.Topic.Partitions
	}
	return !s.Produce.Rate.Max && s.Produce.Rate.PerSecond*s.Consume.Handler.Time.Seconds() > float64(lanes)
}

// shortest is the least that can be called a measured part.
const shortest = 100 * time.Millisecond

// entryFindings looks at one entry.
func entryFindings(s *Spec, i int) (out findings) {
	e := &s.Churn[i]
	entry := fmt.Sprintf("churn[%d]", i)
	// The field to blame comes first, then the one that makes it wrong.
	at := func(keys string) (paths []string) {
		for _, key := range strings.Fields(keys) {
			paths = append(paths, entry+"."+key)
		}
		return append(paths, entry)
	}
	fail := func(when bool, keys, format string, args ...any) { out.fail(when, at(keys), format, args...) }

	fail(e.Do == "" && len(e.Cycle) == 0, "do cycle", "nothing is to be done; write do or cycle, such as do: crash")
	fail(e.Do != "" && len(e.Cycle) > 0, "cycle do", "do stands beside it; write one of the two")
	fail(e.At == 0 && e.When == "", "do cycle at when", "it is not said when; write at: 30s or when: stable")
	fail(e.At > 0 && e.When != "", "when at", "at stands beside it; write one of the two")
	if len(e.turn()) == 0 || e.Do != "" && len(e.Cycle) > 0 {
		return out
	}
	what := strings.Join(e.turn(), ", ")
	out = append(out, foreign(e, entry)...)

	act := acts.Of(acts.Kind(e.Do)) // the zero act in a cycle
	fail(act.Storm && e.When != "", "when do", "a %s takes its course in time; write at in place of when", e.Do)
	fail(e.Every > 0 && e.When != "" && !act.Storm, "every when", "acts that wait for a stable group have no fixed distance; remove it, or write at in place of when")
	several := max(e.Times, 1)*len(e.turn()) > 1 || act.Roll
	fail(several && e.At > 0 && e.Every == 0, "at times do cycle", "all acts would be at the same instant; write every, or when: stable")
	out.warn(e.Every > 0 && e.Every < 2*s.Group.Heartbeat && !act.Storm, at("every"),
		"acts %s apart fall into each other's windows, which then are one; at least two heartbeats, %s, keep them apart",
		reader.ShowDuration(e.Every), reader.ShowDuration(2*s.Group.Heartbeat))

	fail(e.has("for") && e.For == 0 && !act.Link && !act.Node, "for do cycle", "it is not said how long the %s lasts; write for, such as for: 5s", what)
	fail(e.has("rate") && e.Rate == Rate{}, "rate do", "it is not said how many acts a second; write rate, such as rate: 3/m")
	fail(e.Rate.Max, "rate", "a storm has a rate; write one such as 3/m")
	fail(e.has("count") && e.Count == 0, "count do", "it is not said how many; write count, such as count: 6")
	fail(e.ID == "same" && !s.Group.Static, "id", "a member has an identity to keep in a static group alone; write group.static: true, or id: new")
	if e.has("to") {
		fail(len(e.To) == 0, "to do", "it is not said which assignors to change to; write to, such as to: [cooperative-sticky]")
		fail(slices.Equal(e.To, s.Group.Assignors), "to", "the group has these assignors already; write others")
		fail(s.Group.Protocol != "classic", "do", "under the protocol %s the broker assigns and members have no assignors to roll; write group.protocol: classic", s.Group.Protocol)
	}
	fail(empties(s, e), "do cycle", "it would leave the group of %d empty, and nobody would read; write more consume.members, or let others join first", s.Consume.Members)
	fail(e.Target == "all" && !act.Link, "target", "all at once is for link; write oldest, newest or random")
	switch {
	case act.Link:
		return append(out, linkOfEntry(s, e, entry)...)
	case act.Node:
		return append(out, brokerOfEntry(s, e, at)...)
	}
	out = append(out, withFindings(s, e, entry)...)
	return out
}

// maxActs is more than can be looked at; a longer timeline is a slip.
const maxActs = 20_000

// foreign are the fields that none of the entry's acts has.
func foreign(e *ChurnEntry, entry string) (out findings) {
	for _, f := range entryFields().Fields {
		own := slices.Contains([]string{"do", "cycle", "at", "when"}, f.Path) || e.has(f.Path)
		out.fail(!own && !reflect.ValueOf(f.In(e)).Elem().IsZero(), []string{entry + "." + f.Path, entry + ".do", entry + ".cycle", entry},
			"has no meaning for %s; remove it, it is for %s", strings.Join(e.turn(), ", "), reader.Either(acts.With(f.Path)))
	}
	return out
}

// empties reports whether the entry alone takes the last member out of a group.
func empties(s *Spec, e *ChurnEntry) bool {
	n := s.Consume.Members
	if n == 0 {
		return false // reported already
	}
	turn := e.Acts()
	for range max(e.Times, 1) {
		before := n
		for _, act := range turn {
			if act.Joins {
				n++
			}
			if act.Ends {
				n--
			}
			if n < 1 {
				return true
			}
		}
		if e.Restore == nil || *e.Restore || n >= before {
			return false // no turn goes lower than the first
		}
	}
	return false
}

// withFindings looks at a member's own settings among those of the workload.
func withFindings(s *Spec, e *ChurnEntry, entry string) (out findings) {
	if len(e.With) == 0 {
		return nil
	}
	own := *s
	own.Churn, own.Matrix, own.Full = nil, nil, nil
	known := map[string]bool{}
	for _, f := range contradictions(&own) {
		known[f.msg] = true
	}
	for _, path := range slices.Sorted(maps.Keys(e.With)) {
		if own.Apply(path, e.With[path]) != nil {
			return nil // reported where it was read
		}
	}
	for _, path := range []string{"group.heartbeat", "group.session"} {
		_, ok := e.With[path]
		out.fail(ok && own.Group.Protocol == "consumer", []string{entry + ".with", entry, "group.protocol"},
			"under the protocol consumer the broker has one %s for the whole group; remove it here, or write group.protocol: classic", path)
	}
	for _, f := range contradictions(&own) {
		out.fail(!f.warning && !known[f.msg], append([]string{entry + ".with", entry}, f.paths...), "for this member: %s", f.msg)
	}
	return out
}
