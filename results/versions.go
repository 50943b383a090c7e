package results

import (
	"maps"
	"slices"
	"strings"
)

// Build is what a kbench was made from.
type Build struct {
	Version string `json:"version"`          // of the module; (devel) for a build of a checkout
	Commit  string `json:"commit,omitempty"` // empty where the build does not know, such as one by go run
	Dirty   bool   `json:"dirty,omitempty"`  // it had changes beside the commit
}

func (b Build) String() string {
	words := b.Version + ", commit "
	if b.Commit == "" {
		return words + "not known"
	}
	words += b.Commit[:min(len(b.Commit), 12)]
	if b.Dirty {
		words += ", dirty"
	}
	return words
}

// Versions are of everything that figures depend on, and the lanes in which
// settings were chosen. What a run does not know is empty.
type Versions struct {
	Kbench  string            `json:"kbench"`
	Go      string            `json:"go"`
	Broker  string            `json:"broker"`
	Clients map[string]string `json:"clients"` // those that ran, to module@version
	Lanes   []string          `json:"lanes"`
}

// Versions are those of a run.
func (r *Run) Versions() Versions {
	v := Versions{Kbench: r.Kbench, Go: r.Go, Broker: r.Broker.Title, Clients: map[string]string{}}
	if b := r.Broker; b.Version != "" && !strings.Contains(b.Title, b.Version) {
		v.Broker += ", " + b.Version
	}
	lanes := map[string]bool{}
	for _, ref := range r.Order {
		lanes[ref.Lane] = true
		if version, ok := r.Clients[ref.Client]; ok {
			v.Clients[ref.Client] = version
		}
	}
	v.Lanes = append([]string{}, slices.Sorted(maps.Keys(lanes))...)
	return v
}
