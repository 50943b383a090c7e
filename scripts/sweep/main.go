// Command sweep prints one table of a run of net-sweep, or of several together: of each
// client and session, how often in ten minutes a member was taken for gone, by the loss on
// its link, with a test for the trend; and what that did to the group.
//
//	kbench run net-sweep --broker kafka --out RUN
//	go run ./scripts/sweep RUN...
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kbench/kbench/results"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "sweep: write the directories of one or more runs of net-sweep")
		os.Exit(2)
	}
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sweep:", err)
		os.Exit(1)
	}
}

func run(dirs []string, out io.Writer) error {
	s := sweep{}
	for _, dir := range dirs {
		var sum results.Summary
		var run results.Run
		err := errors.Join(read(dir, "summary.json", &sum), read(dir, "run.json", &run))
		if err == nil && len(run.Specs) != 1 {
			err = fmt.Errorf("it has %d workloads, not one", len(run.Specs))
		}
		if err == nil {
			err = s.add(sum.Rows, run.Specs[0].Phases.Measure.Seconds())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	return s.write(out)
}

func read(dir, name string, into any) error {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
