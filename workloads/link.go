package workloads

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/reader"
)

// Link is what the network does to connections, on purpose. It is that of the whole
// trial, or of an act of the timeline for a time.
type Link struct {
	Delay     time.Duration `json:"delay,omitempty" is:"0s to 1m" doc:"Delay of what is sent and of what is received, each: a round trip is longer by twice as much, with one direction by as much."`
	Jitter    time.Duration `json:"jitter,omitempty" is:"0s to 1m" doc:"By how much delays scatter around delay: their standard deviation; of the shape uniform the bound."`
	Shape     string        `json:"shape,omitempty" is:"normal uniform pareto" default:"normal" doc:"How delays are distributed; pareto has a long tail."`
	Loss      Share         `json:"loss,omitempty" is:"share" doc:"Share of the segments that are lost. What is lost is sent again after 200ms and the round trip, if it is lost again after twice that, and what is behind it waits, as with TCP."`
	Bandwidth int           `json:"bandwidth,omitempty" is:"bytes 0 to 10GiB" doc:"Bytes a second that go through a connection, each way; 0: without bound."`
	Blackhole bool          `json:"blackhole,omitempty" doc:"Nothing comes through, and nothing ends."`
	Refuse    Share         `json:"refuse,omitempty" is:"share" doc:"Share of new connections that are refused."`
	Dial      time.Duration `json:"dial,omitempty" is:"0s to 10m" doc:"By how much it takes longer to open a connection, beside what delay and loss make of it."`
	Idle      time.Duration `json:"idle,omitempty" is:"0s to 24h" doc:"After how long without traffic a connection is closed; 0s: never."`
	Cut       bool          `json:"cut,omitempty" doc:"Of an act: connections are reset when it begins."`

	Direction string `json:"direction,omitempty" is:"both out in" default:"both" doc:"Whether what clients send (out), what they receive (in) or both is delayed, lost and held up."`
	Share     Share  `json:"share,omitempty" is:"share" default:"100%" doc:"Share of the connections that all this happens to."`
	Node      string `json:"node,omitempty" is:"node" default:"any" doc:"Connections with which node: any, the coordinator of the group, the others, or the one with this id."`
	On        string `json:"on,omitempty" is:"clients members producers" default:"clients" doc:"Whose connections: those of all clients under test, of members of the group, or of producers under test."`
	Members   int    `json:"members,omitempty" is:"0 to 10000" doc:"Connections of so many of the first members only; 0: of all."`
}

// Share is a part of a whole, from 0 to 1. In a document it is written as 10%, or as a
// number from 0 to 1.
type Share float64

// String is the share in percent.
func (s Share) String() string { return percent(float64(s)) }

// shareOf is the kind of a Share.
func shareOf() reader.Kind {
	return reader.Scalar(object{"anyOf": []any{object{"type": "number", "minimum": 0, "maximum": 1}, object{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?%$`}}},
		func(v reader.Value) (Share, string) {
			if v.Kind == reader.Text {
				n, err := strconv.ParseFloat(strings.TrimSuffix(v.Text, "%"), 64)
				if err != nil || !strings.HasSuffix(v.Text, "%") || !(n >= 0 && n <= 100) {
					return 0, fmt.Sprintf("%v is not a share; write one from 0%% to 100%%, such as 10%%", v)
				}
				return Share(n / 100), ""
			}
			n, wrong := reader.ParseNumber(v, 0, 1)
			if wrong != "" {
				return 0, fmt.Sprintf("%v is not a share; write one from 0%% to 100%%, such as 10%%", v)
			}
			return Share(n), ""
		})
}

// The words for nodes of link.node.
const (
	AnyNode         = "any"
	CoordinatorNode = "coordinator"
	OtherNodes      = "others" // than the coordinator
)

// node is the kind of a node: a word, or its id.
func node(known ...string) reader.Kind {
	const most = 1 << 30
	return reader.Scalar(object{"anyOf": []any{reader.WordSchema(known), object{"type": "integer", "minimum": 0, "maximum": most}}},
		func(v reader.Value) (string, string) {
			if v.Kind == reader.Number {
				id, wrong := reader.ParseInt(v, 0, most)
				return strconv.Itoa(id), wrong
			}
			word, wrong := reader.ParseWord(v, known)
			if wrong != "" {
				wrong += ", or the id of a node"
			}
			return word, wrong
		})
}

// UnmarshalJSON reads a workload. One from before there were links has none that does
// anything.
func (s *Spec) UnmarshalJSON(b []byte) error {
	type plain Spec
	s.Link = Default().Link
	return json.Unmarshal(b, (*plain)(s))
}

// Any reports whether the link does anything to connections.
func (l *Link) Any() bool { return l.slows() || l.Refuse > 0 || l.Dial > 0 || l.Idle > 0 || l.Cut }

// slows reports whether it does anything to what goes over them.
func (l *Link) slows() bool {
	return l.Delay > 0 || l.Jitter > 0 || l.Loss > 0 || l.Bandwidth > 0 || l.Blackhole
}

// linkPath is the path of a field of the link.
const linkPath = "link."

// LinkDuring is the link while an entry of the timeline is done: that of the whole
// trial, but for what the entry has.
func (s *Spec) LinkDuring(e *ChurnEntry) Link {
	own := *s
	for path, v := range e.With {
		_ = own.Apply(path, v) // it was checked when it was read
	}
	return own.Link
}

// LinkActs reports whether an act of the timeline makes a link worse.
func (s *Spec) LinkActs() bool {
	return slices.ContainsFunc(s.Acts(), func(a acts.Act) bool { return a.Link })
}

// Linked reports whether there is ever anything wrong with a link in the trial.
func (s *Spec) Linked() bool {
	return s.Link.Any() || slices.ContainsFunc(s.Churn, func(e ChurnEntry) bool { return e.ofLink() })
}

// OfLinks reports whether the workload is about links. That of an arm may then be a good
// one, beside which those of others are bad.
func (s *Spec) OfLinks() bool { return s.Linked() || s.Link != Default().Link }

// ofLink reports whether the entry makes a link worse, by an act or as a setting of a
// member.
func (e *ChurnEntry) ofLink() bool {
	for path := range e.With {
		if strings.HasPrefix(path, linkPath) {
			return true
		}
	}
	return false
}

// varied reports whether a matrix varies a field of the link.
func (m Matrix) varied(prefix string) bool {
	for _, block := range m {
		for path := range block {
			if strings.HasPrefix(path, prefix) {
				return true
			}
		}
	}
	return false
}

// linkFindings looks at the link of the whole trial, or of an act.
func linkFindings(s *Spec, l *Link, act bool, at func(field string) []string) (out findings) {
	out.fail(l.Cut && !act, at("cut"), "connections are cut at a time; write an act, such as churn: [{do: link, at: 10s, with: {cut: true}}]")
	out.fail(l.Jitter > 0 && l.Shape != "uniform" && l.Jitter > 2*l.Delay, at("jitter"),
		"delays that scatter by %s around %s would mostly be cut off at zero; write a jitter of at most twice the delay", reader.ShowDuration(l.Jitter), reader.ShowDuration(l.Delay))
	out.fail(l.Jitter > l.Delay && l.Shape == "uniform", at("jitter"),
		"delays cannot be less than zero; write a jitter of at most the delay, %s", reader.ShowDuration(l.Delay))
	out.fail(l.Loss == 1, at("loss"), "where all is lost nothing ever comes; write blackhole: true")
	grouped := s.Consume.Members > 0
	out.fail(!grouped && (l.Node == CoordinatorNode || l.Node == OtherNodes), at("node"),
		"there is no group that a node could coordinate; write consume.members of at least 1, or the id of a node")
	out.fail(!act && !grouped && (l.On == "members" || l.Members > 0), at("on"), "there is no group; write on: producers")
	out.fail(!act && l.On == "producers" && s.Produce.By != "arm", at("on"),
		"no producer is under test: the reference producer's link stays as it is; write on: members, or produce.by: arm")
	out.fail(l.Members > s.Consume.Members, at("members"), "the group has %d members, not %d; write fewer, or 0 for all of them", s.Consume.Members, l.Members)
	out.fail(l.Members > 0 && l.On == "producers", at("members"), "it says whose links of the group they are, and they are those of producers; remove it, or write on: members")
	return out
}

// linkOfTrial looks at the link of the whole trial.
func linkOfTrial(s *Spec) findings {
	return linkFindings(s, &s.Link, false, func(field string) []string { return []string{linkPath + field, "link"} })
}

// linkOfEntry looks at what an act does to the link.
func linkOfEntry(s *Spec, e *ChurnEntry, entry string) (out findings) {
	at := []string{entry + ".with", entry + ".do", entry}
	l := s.LinkDuring(e)
	out.fail(!e.ofLink() || !l.Any(), at, "it is not said what the link does; write with, such as with: {delay: 200ms, loss: 10%%}")
	for _, path := range slices.Sorted(maps.Keys(e.With)) {
		out.fail(!strings.HasPrefix(path, linkPath), at, "%s is no field of the link; write one such as delay or loss", path)
	}
	atOnce := l.Cut // and nothing that would have to last
	for path := range e.With {
		atOnce = atOnce && slices.Contains([]string{"link.cut", "link.node", "link.share"}, path)
	}
	out.fail(e.For == 0 && !atOnce, []string{entry + ".for", entry + ".do", entry},
		"it is not said how long it lasts; write for, such as for: 5s")
	return append(out, linkFindings(s, &l, true, func(string) []string { return at })...)
}

// linkIdle are fields of the link that have no effect beside the others.
func linkIdle(s *Spec, add func(when, warning bool, why, cause string, paths ...string)) {
	if s.Matrix.varied(linkPath) || s.Full.varied(linkPath) {
		return
	}
	linked := s.Linked() || s.LinkActs()
	l := &s.Link
	add(!linked, false, "has no effect: the link does nothing; write what it does, such as link.delay: 50ms", "link",
		"link.shape", "link.direction", "link.share", "link.node", "link.on", "link.members")
	add(linked && l.Any() && l.Jitter == 0, false, "has an effect with a jitter alone; remove it or write link.jitter", "link.jitter", "link.shape")
	add(linked && l.Any() && !l.slows(), false, "has an effect on what is delayed, lost or held up alone, and nothing is; remove it", "link", "link.direction")
}
