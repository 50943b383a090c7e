package cli_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// nights writes runs of which summaries are left, one for each FACTOR, which is NIGHTS
// times COST or COST/COST OF THE CANARY, such as 16*1 6*1.08/1. The client changes its
// version with its cost.
func nights(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nights DIR NIGHTS*COST[/COST]...")
	}
	day, version := 0, 0
	for _, factor := range args[1:] {
		times, costs, _ := strings.Cut(factor, "*")
		n, err := strconv.Atoi(times)
		ts.Check(err)
		for range n {
			ts.Check(night(ts.MkAbs(args[0]), day, version, strings.Split(costs, "/")))
			day++
		}
		version++
	}
}

func night(dir string, day, version int, costs []string) error {
	spec := workloads.Default()
	spec.Name, spec.Compare = "w", []string{"cpu.per_record by 3%"}
	at := time.Date(2026, 1, 1+day, 3, 0, 0, 0, time.UTC)
	run := &results.Run{
		Schema: results.Schema, ID: at.Format("20060102-150405") + "-abcd", Started: at.Format(time.RFC3339), State: results.StateComplete, Specs: []workloads.Spec{spec},
		Machine: results.Machine{Host: "bench-1", OS: "linux", Arch: "amd64", Cores: 8}, Broker: results.Broker{Kind: "embedded", Title: "embedded"},
		Clients: map[string]string{"a": fmt.Sprintf("example.com/a@v1.%d.0", version), "a@v1.0.0": "example.com/a@v1.0.0"},
	}
	s := &results.Summary{Schema: results.Schema, Run: run.ID}
	for i, arm := range []string{"a", "a@v1.0.0"}[:len(costs)] {
		cost, err := strconv.ParseFloat(costs[i], 64)
		if err != nil {
			return err
		}
		ref := results.TrialRef{N: i + 1, Workload: "w", Arm: arm, Client: arm, Lane: "matched", Round: 1}
		run.Order = append(run.Order, ref)
		wobble := math.Sin(float64(7*day + 3*i)) // within 1%, without a slope
		s.Rows = append(s.Rows, results.Row{Workload: "w", Arm: arm, Client: arm, Lane: "matched", Round: 1, Trial: i + 1,
			Metric: results.CPUPerRecord, Unit: results.UnitNs, Value: math.Round(1000 * cost * (1 + wobble/100)), N: 1})
	}
	path := filepath.Join(dir, run.ID)
	for file, v := range map[string]any{results.RunFile: run, results.SummaryFile: s} {
		data, err := results.EncodeJSON(v)
		if err == nil {
			err = os.MkdirAll(path, 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(path, file), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
