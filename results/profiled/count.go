package profiled

import (
	"errors"
	"fmt"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
)

// Rebalances is how many CPU samples the members of a trial left of its rebalances.
func Rebalances(d *results.Dir, t *results.Trial) (int64, error) {
	e, err := evidence.Load(d, t)
	if err != nil {
		return 0, err
	}
	parts := e.Slices()
	if err := errors.Join(e.Err(), e.Close()); err != nil {
		return 0, err
	}
	var sum int64
	for i := range e.Workers {
		w := &e.Workers[i]
		if w.Role != results.RoleConsumer {
			continue
		}
		raw, err := e.Samples(w)
		if err != nil {
			return 0, err
		}
		for _, s := range parts {
			if raw == nil || s.Name != evidence.SliceRebalance {
				continue
			}
			cut, err := profiles.Build(s.Name, profiles.Cut{Raw: raw, Windows: s.Windows(w)})
			if err != nil {
				return 0, fmt.Errorf("%s: %w", w.Name, err)
			}
			sum += cut.Samples
		}
	}
	return sum, nil
}
