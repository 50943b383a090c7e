package compare

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/figure"
)

// Measure is a figure by which arms are compared, and the least difference of it that
// matters to anybody.
//
//	measure = figure "by" effect [ "or" effect ]
//	effect  = number "%" | number unit
//
// With a share alone arms are compared by their ratio. With an amount they are compared
// by their difference, as figures must be that can be 0: the least that matters is the
// larger of the amount and the share of the other arm's median.
type Measure struct {
	Text   string         `json:"text"` // the figure, without the effect
	Unit   string         `json:"unit"`
	Better results.Better `json:"better"`
	Share  float64        `json:"share,omitempty"`  // 0.03 is 3%
	Amount float64        `json:"amount,omitempty"` // in Unit

	figure.Figure `json:"-"`
}

var (
	measurePattern = regexp.MustCompile(`^(.*\S)\s+by\s+(.+)$`)
	orPattern      = regexp.MustCompile(`\s+or\s+`)
	sharePattern   = regexp.MustCompile(`^([0-9.]+)\s*%$`)
)

// Check says what is wrong with an entry of a workload's compare, and what would be right.
func Check(entry string) error {
	_, err := parse(entry)
	return err
}

func parse(entry string) (Measure, error) {
	parts := measurePattern.FindStringSubmatch(strings.TrimSpace(entry))
	if parts == nil {
		return Measure{}, fmt.Errorf("%q does not say which difference matters; write it as `cpu.per_record by 3%%` or `pause.gap_unexplained by 10%% or 50ms`", strings.TrimSpace(entry))
	}
	f, err := figure.Parse(parts[1])
	if err != nil {
		return Measure{}, err
	}
	m := Measure{Text: f.Text, Unit: f.Unit, Better: f.Metric.Better, Figure: f}
	if m.Better == results.Neither {
		return m, fmt.Errorf("%s explains other figures, and neither more nor less of it is better", f.Metric.Name)
	}
	if m.Metric.PerEvent && m.Stat != "" {
		return m, fmt.Errorf("%s is compared event by event, and the median of a round counts; write %s alone", m.Metric.Name, m.Metric.Name)
	}
	effects := orPattern.Split(parts[2], -1)
	if len(effects) > 2 {
		return m, fmt.Errorf("%q has %d differences; write a share, an amount, or one of each", parts[2], len(effects))
	}
	for _, e := range effects {
		if err := m.effect(e); err != nil {
			return m, err
		}
	}
	return m, nil
}

// effect reads one of them.
func (m *Measure) effect(text string) error {
	to, unit := &m.Amount, ""
	var value float64
	var err error
	// A ratio is written in percent too, and 1% of it is a share of what it is.
	if share := sharePattern.FindStringSubmatch(text); share != nil {
		to, unit = &m.Share, m.Unit
		value, err = strconv.ParseFloat(share[1], 64)
		value /= 100
	} else {
		value, unit, err = figure.Amount(m.Metric, text)
	}
	switch {
	case err != nil:
		return err
	case unit != m.Unit:
		return fmt.Errorf("%s is compared in %s, so its difference has no %q", m.Text, m.Unit, text)
	case !(value > 0):
		return fmt.Errorf("a difference of %q would always matter; write one above 0", text)
	case to == &m.Share && value >= 1:
		return fmt.Errorf("a difference of %q is as much as there is; write one below 100%%", text)
	case *to != 0:
		return errors.New("it has two differences of one sort; write a share, an amount, or one of each")
	}
	*to = value
	return nil
}

// relative says whether arms are compared by their ratio.
func (m *Measure) relative() bool { return m.Amount == 0 }
