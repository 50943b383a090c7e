package verify

import (
	"fmt"
	"strings"
)

// Tally is how often a question was asked of a client, and how often its known
// answer was found.
type Tally struct {
	Question string   `json:"question"`
	Client   string   `json:"client"`
	Cases    int      `json:"cases"`
	Found    int      `json:"found"`
	Need     int      `json:"need"`
	Bound    string   `json:"bound,omitempty"`
	Worst    *Excess  `json:"worst,omitempty"` // of the longest, or of the one that is furthest out of its bounds
	OK       bool     `json:"ok"`
	Wrong    []string `json:"wrong,omitempty"`
}

// missEvery says how many stops of a real client may be out of their bound: one
// of so many. There is a scheduler between two stamps, and only the thread that
// sleeps says how late it was.
const missEvery = 20

// Tallies counts answers by question and client, in the order of their first.
// What may be missed is a bound and nothing else: a stop after which a record is
// lost is never excused.
func Tallies(answers []Answer) []Tally {
	type key struct{ question, client string }
	at := map[key]int{}
	var out []Tally
	missable, grave := map[key]bool{}, map[key]int{}
	for _, a := range answers {
		k := key{a.Case.label(), a.Case.Client()}
		if _, ok := at[k]; !ok {
			at[k] = len(out)
			out = append(out, Tally{Question: k.question, Client: k.client, Bound: a.Case.Bound})
		}
		t := &out[at[k]]
		t.Cases++
		missable[k] = a.Case.missable
		if a.OK() {
			t.Found++
		} else {
			t.Wrong = append(t.Wrong, fmt.Sprintf("%s, injected %s, reported %s: %s", a.Case.Name, a.Injected, a.Reported, strings.Join(a.Wrong, "; ")))
			if !a.Missed() {
				grave[k]++
			}
		}
		if x := a.Excess; x != nil && (t.Worst == nil || x.worse(*t.Worst)) {
			t.Worst = x
		}
	}
	for k, i := range at {
		t := &out[i]
		t.Need = t.Cases
		if missable[k] {
			t.Need -= t.Cases / missEvery
		}
		t.OK = t.Found >= t.Need && grave[k] == 0
	}
	return out
}
