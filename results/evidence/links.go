package evidence

import (
	"maps"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
)

// held is when the link of a worker held something back, by the node that it was with;
// -1 is one that is not known.
func (e *Trial) held(w *Worker) map[int32][]results.Interval {
	out := map[int32][]results.Interval{}
	for _, l := range w.Links {
		node, known := e.Nodes[l.Node]
		if !known {
			node = -1
		}
		for _, h := range l.Held {
			out[node] = append(out[node], results.Interval{From: h.From, To: h.To})
		}
	}
	for node, all := range out {
		out[node] = results.Union(all)
	}
	return out
}

// injectedLinks are the stretches in which links held something back: it is what the
// workload asks for, and no client is charged with it.
func (e *Trial) injectedLinks() (out []blame.Injected) {
	for i := range e.Workers {
		w := &e.Workers[i]
		held := e.held(w)
		for _, node := range slices.Sorted(maps.Keys(held)) {
			for _, h := range held[node] {
				out = append(out, blame.Injected{Interval: h, What: "link", Worker: w.Name, Node: node})
			}
		}
	}
	return out
}
