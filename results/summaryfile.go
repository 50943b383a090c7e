package results

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/kbench/kbench/internal/regular"
)

// mostSummary is more than the summary of any run that ended.
const mostSummary = 256 << 20

// Summary reads summary.json as it stands. Of runs that are kept small it is all there
// is; else summary.Write makes it anew from the raw files.
func (d *Dir) Summary() (*Summary, error) {
	data, err := regular.Read(filepath.Join(d.path, SummaryFile), mostSummary)
	if err != nil {
		return nil, fmt.Errorf("read summary: %w", err)
	}
	var s Summary
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read summary of %s: %w", d.path, err)
	}
	if s.Schema > Schema {
		return nil, fmt.Errorf("read summary of %s: it has schema %d, this kbench reads up to %d; use a newer kbench", d.path, s.Schema, Schema)
	}
	return &s, nil
}
