package main

import (
	"fmt"
	"slices"

	"github.com/kbench/kbench/scripts/ratio"
)

// result is a cell with its verdict.
type result struct {
	measured
	CPU             ratio.Interval `json:"cpu_ratio"` // kbench over bare, over the pairs
	CPUBound        float64        `json:"cpu_bound"`
	CPUVerdict      verdict        `json:"cpu_verdict"`
	Throughput      ratio.Interval `json:"throughput_ratio"`
	ThroughputBound float64        `json:"throughput_bound"`
	ThroughVerdict  verdict        `json:"throughput_verdict"`

	// Medians over the windows of each side.
	BareCPU     float64 `json:"bare_cpu_ns_per_record"`
	KbenchCPU   float64 `json:"kbench_cpu_ns_per_record"`
	BareRate    float64 `json:"bare_records_per_second"`
	KbenchRate  float64 `json:"kbench_records_per_second"`
	BareGCs     float64 `json:"bare_gcs"`
	KbenchGCs   float64 `json:"kbench_gcs"`
	BrokerCores float64 `json:"broker_cores"`
	BrokerIdle  float64 `json:"broker_idle"`
	MachineIdle float64 `json:"machine_idle"`
	Shortest    float64 `json:"shortest_window_s"` // of all windows, as long as it really was
	Limit       string  `json:"limit"`             // client or broker
}

// verdict says how a ratio stands to its bound.
type verdict string

const (
	met     verdict = "met"       // the whole interval is within
	within  verdict = "within"    // the median is within, the interval reaches over
	over    verdict = "over"      // the median is over, the interval reaches within
	missed  verdict = "missed"    // the whole interval is over
	noPairs verdict = "too few"   // no interval can be given
	exempt  verdict = "no demand" // the broker is the limit
)

// judge compares a ratio that must not exceed its bound; for one that must not
// fall below, both are given with their sign turned.
func judge(i ratio.Interval, bound float64) verdict {
	switch {
	case !i.Known:
		return noPairs
	case i.High <= bound:
		return met
	case i.Low > bound:
		return missed
	case i.Median <= bound:
		return within
	default:
		return over
	}
}

// idleBroker is the share of its capacity that a broker has left where the client
// is taken to be the limit.
const idleBroker = 0.10

// missing says why pairs of a cell were dropped.
func (m measured) missing() []string {
	var out []string
	for _, why := range m.Dropped {
		out = append(out, "pair dropped: "+why)
	}
	return out
}

// evaluate judges a cell, which has at least one pair.
func evaluate(m measured) result {
	r := result{measured: m, Limit: "client"}
	r.CPUBound, r.ThroughputBound = m.bounds()
	each := func(f func(pair) float64) (v []float64) {
		for _, p := range m.Pairs {
			v = append(v, f(p))
		}
		return v
	}
	r.CPU = ratio.Of(each(func(p pair) float64 { return p.Kbench.CPUNs / p.Bare.CPUNs }))
	r.Throughput = ratio.Of(each(func(p pair) float64 { return p.Kbench.Rate / p.Bare.Rate }))
	r.BareCPU = ratio.Median(each(func(p pair) float64 { return p.Bare.CPUNs }))
	r.KbenchCPU = ratio.Median(each(func(p pair) float64 { return p.Kbench.CPUNs }))
	r.BareRate = ratio.Median(each(func(p pair) float64 { return p.Bare.Rate }))
	r.KbenchRate = ratio.Median(each(func(p pair) float64 { return p.Kbench.Rate }))
	r.BareGCs = ratio.Median(each(func(p pair) float64 { return float64(p.Bare.GCs) }))
	r.KbenchGCs = ratio.Median(each(func(p pair) float64 { return float64(p.Kbench.GCs) }))
	r.BrokerCores = ratio.Median(each(func(p pair) float64 { return (p.Bare.BrokerCores + p.Kbench.BrokerCores) / 2 }))
	r.MachineIdle = ratio.Median(each(func(p pair) float64 { return (p.Bare.Idle + p.Kbench.Idle) / 2 }))
	r.Shortest = slices.Min(each(func(p pair) float64 { return min(p.Bare.length(), p.Kbench.length()).Seconds() }))
	r.BrokerIdle = 1 - r.BrokerCores/m.capacity
	r.CPUVerdict = judge(r.CPU, r.CPUBound)
	r.ThroughVerdict = judge(r.Throughput.Negated(), -r.ThroughputBound)
	if r.BrokerIdle < idleBroker {
		r.Limit, r.ThroughVerdict = "broker", exempt
	}
	return r
}

// sentences are what the verdicts of a cell mean, for all but those that are met,
// and why pairs of it are missing.
func (r result) sentences() []string {
	out := r.missing()
	say := func(what string, i ratio.Interval, limit string, bound float64, v verdict) {
		figures := fmt.Sprintf("%s: %s %.3f of the bare loop's [%.3f, %.3f], bound %s %.2f: ", r.cell, what, i.Median, i.Low, i.High, limit, bound)
		switch v {
		case missed:
			out = append(out, figures+"missed, by the whole interval")
		case over:
			out = append(out, figures+"the median is beyond, but the interval reaches back: not shown to be missed")
		case within:
			out = append(out, figures+"held by the median, but the interval reaches beyond: not shown to be held")
		}
	}
	say("CPU per record", r.CPU, "at most", r.CPUBound, r.CPUVerdict)
	say("throughput", r.Throughput, "at least", r.ThroughputBound, r.ThroughVerdict)
	return out
}
