package conduct_test

import (
	"testing"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/workloads"
)

// TestSettingsTellTheLargestRecord keeps a client from refusing a record that is
// longer than the mean: its limits follow from the largest.
func TestSettingsTellTheLargestRecord(t *testing.T) {
	spec := workloads.Default()
	spec.Records.Size = workloads.Size{Uniform: [2]int{100, 900}}
	spec.Records.Keys = workloads.Keys{Kind: "round-robin", Count: 10, Size: 16}
	s := conduct.Settings(&spec, drivers.Matched)
	if s.RecordBytes != 516 || s.RecordMax != 916 || !s.Varies() {
		t.Errorf("mean %d, largest %d, varies %t; want 516, 916, true", s.RecordBytes, s.RecordMax, s.Varies())
	}
	spec.Records.Size = workloads.Size{Fixed: 256}
	if s := conduct.Settings(&spec, drivers.Matched); s.Varies() {
		t.Errorf("records of one length vary: mean %d, largest %d", s.RecordBytes, s.RecordMax)
	}
}
