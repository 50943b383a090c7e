package held

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/results/gate"
)

// File is what a search writes beside the run directories of its trials.
const File = "knee.json"

// Knee is a search for the highest rate that is held, as File keeps it. What trials came
// to, and all that follows from it, can be had again from their run directories.
type Knee struct {
	Schema    int      `json:"schema"`
	Command   []string `json:"command"`
	Started   string   `json:"started"` // RFC 3339
	Workload  string   `json:"workload"`
	SLO       []SLO    `json:"slo"`
	Seed      uint64   `json:"seed"`
	From      float64  `json:"from"` // the rate of the first trial of each arm
	Least     float64  `json:"least,omitempty"`
	Most      float64  `json:"most,omitempty"`
	Precision float64  `json:"precision"`
	Repeats   int      `json:"repeats"`
	For       int64    `json:"for,omitempty"`    // how long it may take, ns; 0: as long as it takes
	Broker    string   `json:"broker,omitempty"` // its title
	Machine   string   `json:"machine,omitempty"`
	Ended     string   `json:"ended,omitempty"` // what ended it before its time
	Steps     []Step   `json:"steps"`
	Arms      []Arm    `json:"arms"`
}

// SLO is what a rate has to meet to be held.
type SLO struct {
	Expression string `json:"expression"`
	Figure     string `json:"figure"` // what of it is measured
	Unit       string `json:"unit"`
}

// SLOOf takes an SLO apart, which is written as a gate is.
func SLOOf(expr string) (SLO, error) {
	f, err := gate.FigureOf(expr)
	if err == nil && gate.AsksBaseline(expr) {
		err = fmt.Errorf("gate %q: a baseline is another run's, and an SLO has a bound of its own; write it", strings.TrimSpace(expr))
	}
	return SLO{strings.TrimSpace(expr), f.Text, f.Unit}, err
}

// Schema is the version of File that this code writes.
const Schema = 1

// Damaged is what of it no search has; empty where there is nothing.
func (k *Knee) Damaged() string {
	positive := func(v float64) bool { return v > 0 && v <= math.MaxFloat64 }
	switch {
	case !positive(k.From), k.Most != 0 && !positive(k.Most), k.Least != 0 && !positive(k.Least):
		return fmt.Sprintf("it begins at %g/s, and has the bounds %g and %g/s", k.From, k.Least, k.Most)
	case k.Most != 0 && k.Most < k.From, k.Least > k.From:
		return fmt.Sprintf("it begins at %g/s, outside of its bounds %g and %g/s", k.From, k.Least, k.Most)
	case !(k.Precision >= 0.001 && k.Precision <= 1) || k.Repeats < 1:
		return fmt.Sprintf("precision %g and %d repeats", k.Precision, k.Repeats)
	}
	for i, s := range k.Steps {
		if !positive(s.Rate) {
			return fmt.Sprintf("trial %d is of %g/s", i+1, s.Rate)
		}
	}
	return ""
}

// Step is one trial.
type Step struct {
	Arm  string  `json:"arm"`
	Rate float64 `json:"rate"`
	Run  string  `json:"run,omitempty"` // its run directory, beside File
	Took int64   `json:"took"`          // ns
	Trial
}

// Arm is what the search found of one.
type Arm struct {
	Name    string `json:"name"`
	Refused string `json:"refused,omitempty"` // why it cannot do the workload
	// Held is the highest rate that was tried and is surely held, and NotHeld the lowest
	// that is surely not; 0: none is known. HeldIn and NotHeldIn are their trials.
	Held      float64 `json:"held,omitempty"`
	HeldIn    Tally   `json:"held_in,omitzero"`
	NotHeld   float64 `json:"not_held,omitempty"`
	NotHeldIn Tally   `json:"not_held_in,omitzero"`
	Trials    int     `json:"trials"`
	Found     bool    `json:"found"`         // the interval is as narrow as asked, or ends at a bound of the search
	Why       string  `json:"why,omitempty"` // it is not
	Limit     Limit   `json:"limit,omitempty"`
	By        string  `json:"by,omitempty"`
	LimitWhy  string  `json:"limit_why,omitempty"`
	Points    []Point `json:"points"` // by rate
}

// Tally is what the trials of a rate said.
type Tally struct {
	Held    int `json:"held"`
	NotHeld int `json:"not_held"`
}

// Point is a rate of the curve: medians of its trials, of those that decided something where
// there are any.
type Point struct {
	Rate    float64    `json:"rate"`
	Tally              // of trials
	Open    int        `json:"not_decided,omitempty"`
	Latency Latency    `json:"latency,omitzero"`
	SLO     []*float64 `json:"slo"`
	CameOut float64    `json:"came_out"`
	Client  float64    `json:"client_cores,omitempty"`
	Broker  float64    `json:"broker_cores,omitempty"`
}

// Took is how long all trials have taken, and Longest the longest of them.
func (k *Knee) Took() (took, longest time.Duration) {
	for _, s := range k.Steps {
		took, longest = took+time.Duration(s.Took), max(longest, time.Duration(s.Took))
	}
	return took, longest
}

// Derive fills in of each arm what follows from its trials and its interval.
func (k *Knee) Derive() {
	for i := range k.Arms {
		a := &k.Arms[i]
		a.Points = []Point{}
		by := map[float64][]Trial{}
		for _, s := range k.Steps {
			if s.Arm == a.Name {
				by[s.Rate] = append(by[s.Rate], s.Trial)
			}
		}
		for rate, trials := range by {
			a.Points = append(a.Points, pointOf(rate, trials, len(k.SLO)))
		}
		slices.SortFunc(a.Points, func(x, y Point) int { return cmp.Compare(x.Rate, y.Rate) })
		a.Limit, a.By, a.LimitWhy = limitOf(by[a.NotHeld])
	}
}

// limitOf is who gave out in most of the trials that did not hold a rate; of two alike the
// client is not charged. One that missed while others used the machine is a third of one,
// since of three in a row it counts what most came to, as one.
func limitOf(trials []Trial) (most Limit, by, why string) {
	missed := slices.DeleteFunc(slices.Clone(trials), func(t Trial) bool { return t.Limit == "" || len(t.Missed) == 0 })
	count := map[Limit]int{}
	for _, t := range missed {
		if count[t.Limit]++; t.Outcome == NotHeld {
			count[t.Limit] += 2
		}
	}
	for _, l := range []Limit{Machine, Generator, Broker, Client} {
		if count[l] > count[most] {
			most = l
		}
	}
	for _, t := range missed { // the last of them tells
		if t.Limit == most {
			by, why = t.By, t.Why
		}
	}
	return most, by, why
}

func pointOf(rate float64, trials []Trial, slos int) Point {
	p := Point{Rate: rate, SLO: make([]*float64, slos)}
	for _, t := range trials {
		switch t.Outcome {
		case Held:
			p.Held++
		case NotHeld:
			p.NotHeld++
		default:
			p.Open++
		}
	}
	if decided := slices.DeleteFunc(slices.Clone(trials), func(t Trial) bool { return t.Outcome == NotDecided }); len(decided) > 0 {
		trials = decided // what others did to the rest is no figure of the rate
	}
	p.Latency = Latency{P50: middle(trials, func(t Trial) float64 { return t.Latency.P50 }), P99: middle(trials, func(t Trial) float64 { return t.Latency.P99 }),
		P999: middle(trials, func(t Trial) float64 { return t.Latency.P999 })}
	for _, t := range trials {
		if t.Latency.Metric != "" {
			p.Latency.Metric = t.Latency.Metric
		}
	}
	for i := range p.SLO {
		var known []Trial
		for _, t := range trials {
			if i < len(t.SLO) && t.SLO[i] != nil {
				known = append(known, t)
			}
		}
		if len(known) > 0 {
			v := median(known, func(t Trial) float64 { return *t.SLO[i] })
			p.SLO[i] = &v
		}
	}
	p.CameOut = middle(trials, func(t Trial) float64 { return t.CameOut })
	p.Client, p.Broker = middle(trials, func(t Trial) float64 { return t.Client }), middle(trials, func(t Trial) float64 { return t.Broker })
	return p
}

// middle is the median of what is known of trials, where 0 is not known.
func middle(trials []Trial, of func(Trial) float64) float64 {
	return median(slices.DeleteFunc(slices.Clone(trials), func(t Trial) bool { return of(t) == 0 }), of)
}

func median(trials []Trial, of func(Trial) float64) float64 {
	var values []float64
	for _, t := range trials {
		values = append(values, of(t))
	}
	slices.Sort(values)
	if n := len(values); n > 0 {
		return (values[(n-1)/2] + values[n/2]) / 2
	}
	return 0
}

// CSV writes a line for each trial, numbers in the units of rows. What is not known is
// empty.
func (k *Knee) CSV(w io.Writer) error {
	head := []string{"workload", "arm", "rate", "outcome", "limit", "by", "latency", "p50_ns", "p99_ns", "p999_ns", "came_out", "client_cores", "broker_cores", "run"}
	for _, slo := range k.SLO {
		head = append(head, slo.Expression)
	}
	lines := [][]string{head}
	number := func(v float64) string {
		if v == 0 {
			return ""
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	for _, s := range k.Steps {
		line := []string{k.Workload, s.Arm, number(s.Rate), string(s.Outcome), string(s.Limit), s.By, s.Latency.Metric, number(s.Latency.P50), number(s.Latency.P99), number(s.Latency.P999),
			number(s.CameOut), number(s.Client), number(s.Broker), s.Run}
		for i := range k.SLO {
			value := ""
			if i < len(s.SLO) && s.SLO[i] != nil {
				value = strconv.FormatFloat(*s.SLO[i], 'f', -1, 64)
			}
			line = append(line, value)
		}
		lines = append(lines, line)
	}
	return csv.NewWriter(w).WriteAll(lines)
}
