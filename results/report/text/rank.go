package text

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// Of the first screen: so many workloads, so many arms of each.
const (
	rankedWorkloads = 5
	rankedArms      = 4
)

// verdictRounds is the least number of rounds that a verdict takes (MEASURING 3).
const verdictRounds = 6

// ranking is the first screen: the arms of each workload in their order, and what
// that order is worth, in ten lines.
func (p *page) ranking(r *report.Report) {
	var ranked []*report.Workload
	for i := range r.Workloads {
		if r.Workloads[i].Ranking != nil {
			ranked = append(ranked, &r.Workloads[i])
		}
	}
	if len(ranked) == 0 {
		return
	}
	shown := ranked[:min(len(ranked), rankedWorkloads)]
	title := "In short, the best first"
	if len(shown) < len(ranked) {
		title += fmt.Sprintf(" (%d of %d workloads)", len(shown), len(ranked))
	}
	p.heading(title)
	name, label := 0, 0
	for _, w := range shown {
		name, label = max(name, len(w.Name)), max(label, len([]rune(rankLabel(w.Ranking))))
	}
	for _, w := range shown {
		p.wrapped(fmt.Sprintf("  %-*s  %-*s  ", name, w.Name, label, rankLabel(w.Ranking)), standings(w))
	}
	p.wrapped("  trust  ", trust(ranked))
	if words := doubts(ranked); len(words) > 0 {
		const but = "  but    "
		p.wrapped(but, abridged(words, 2*(p.width-len(but))-40)) // two lines, less what wrapping leaves free
	}
}

// abridged joins what there is room for, and says how much it left out.
func abridged(all []string, room int) string {
	words := all[0]
	for i, s := range all[1:] {
		if len([]rune(words+s)) > room {
			return fmt.Sprintf("%s; and %d more below", words, len(all)-1-i)
		}
		words += "; " + s
	}
	return words
}

// standings are the arms in their order.
func standings(w *report.Workload) string {
	var b strings.Builder
	by := rankScale(w.Ranking)
	for i, s := range w.Ranking.Standings {
		if i == rankedArms {
			fmt.Fprintf(&b, " and %d more", len(w.Ranking.Standings)-i)
			break
		}
		if i > 0 {
			sign := " ~ "
			if w.Ranking.Standings[i-1].Apart {
				sign = " > "
			}
			b.WriteString(sign)
		}
		b.WriteString(w.Arms[s.Arm].Title() + " " + by.format(s.Value))
		if s.Rounds > 1 && s.Value != 0 {
			fmt.Fprintf(&b, " ±%.0f%%", math.Abs(50*(s.Most-s.Least)/s.Value))
		}
	}
	b.WriteString(placeless(w))
	return b.String()
}

// placeless are the arms without a place, and why. Of many it is said how many: while a
// run is under way most have not been tried.
func placeless(w *report.Workload) string {
	var words []string
	who := map[string][]string{}
	for i := range w.Arms {
		if slices.ContainsFunc(w.Ranking.Standings, func(s report.Standing) bool { return s.Arm == i }) {
			continue
		}
		word := status(&w.Arms[i])
		if who[word] == nil {
			words = append(words, word)
		}
		who[word] = append(who[word], w.Arms[i].Title())
	}
	said := ""
	for _, word := range words {
		names, none := strings.Join(who[word], ", "), "has none"
		if n := len(who[word]); n > rankedArms {
			names = fmt.Sprintf("%d others", n)
		}
		if len(who[word]) > 1 {
			none = "have none"
		}
		said += ", " + names + " " + cmp.Or(word, none)
	}
	return said
}

// rankScale has units as short as the line wants them.
func rankScale(r *report.Ranking) scale {
	least, most := math.Inf(1), 0.0
	for _, s := range r.Standings {
		least, most = min(least, math.Abs(s.Value)), max(most, math.Abs(s.Value))
	}
	if r.Unit != results.UnitRate {
		return scaleOf(r.Unit, least, most)
	}
	switch {
	case most >= 1e6:
		return scale{"M/s", 1e6}
	case most >= largestShown:
		return scale{"k/s", 1e3}
	default:
		return scale{"/s", 1}
	}
}

func rankLabel(r *report.Ranking) string { return r.Label + ", " + rankScale(r).name }

// trust says what the order is worth. Where workloads differ in their rounds, it
// is what the fewest give that tell anything.
func trust(ranked []*report.Workload) string {
	few, most, chance, sound := ranked[0].Ranking.Rounds, 0, 0.0, ""
	for _, w := range ranked {
		few, most = min(few, w.Ranking.Rounds), max(most, w.Ranking.Rounds)
		if w.Ranking.Rounds > 1 {
			chance = max(chance, w.Ranking.Chance)
		}
		if slices.ContainsFunc(w.Ranking.Standings, func(s report.Standing) bool { return s.Marked > 0 && !s.Out }) {
			sound = "unmarked "
		}
	}
	if most == 1 {
		return fmt.Sprintf("1 %sround does not tell how far figures scatter, so that ~ is open: a verdict takes %d (--rounds %d)", sound, verdictRounds, verdictRounds)
	}
	words := count(int64(most), sound+"round")
	if few < most {
		words = fmt.Sprintf("%d to %s", few, words)
	}
	words += fmt.Sprintf("; > where their ranges are apart, which chance alone makes of 1 in %.0f pairs of equal clients; ~ is open", 1/chance)
	if most < verdictRounds {
		words += fmt.Sprintf("; a verdict takes %d (--rounds %d)", verdictRounds, verdictRounds)
	}
	return words
}

// doubts are, by workload, what keeps trials out of verdicts, and what a rate or a
// latency does not tell of a client that lost records or failed to send them. Arms of which the same is said stand
// together.
func doubts(ranked []*report.Workload) []string {
	var out []string
	for _, w := range ranked {
		var said []string
		who := map[string][]string{}
		for _, s := range w.Ranking.Standings {
			a := &w.Arms[s.Arm]
			for _, d := range doubtsOf(a) {
				if who[d] == nil {
					said = append(said, d)
				}
				who[d] = append(who[d], a.Title())
			}
		}
		for _, d := range said {
			out = append(out, fmt.Sprintf("%s: %s %s", w.Name, strings.Join(who[d], ", "), d))
		}
	}
	return out
}

func doubtsOf(a *report.Arm) []string {
	words := marksOf(a)
	if a.Audit == nil {
		return words
	}
	for _, f := range slices.Concat(a.Audit.Findings, a.Audit.Sends) {
		if did := unfinished(f.Metric); did != "" {
			words = append(words, did+" "+count(int64(f.Count), "record"))
		}
	}
	return words
}

// unfinished is what became of records that a client was given and never brought home;
// empty for what is no such thing.
func unfinished(metric string) string {
	switch metric {
	case results.AuditLost:
		return "lost"
	case results.AuditUndelivered:
		return "left undelivered"
	case results.ProduceFailed:
		return "failed to send"
	case results.ProduceUnanswered:
		return "never answered for"
	}
	return ""
}
