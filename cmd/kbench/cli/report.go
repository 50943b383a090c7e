package cli

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
)

func (a *app) reportCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Rebuild the results of a run from its raw files and print them",
		Long: `Rebuilds summary.json and bench.txt of a run directory, byte for byte, and prints
the tables. RUN is a run directory or its name below runs/; without it, the last
run. "benchstat -col /client RUN/bench.txt" reads the same figures.`,
		Example: `  kbench report
  kbench report runs/20260102-150405-1a2b --json`,
		Args: arguments(0, 1, "one run"),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := findRun(args)
			if err != nil {
				return err
			}
			dir, err := results.Open(path)
			if err != nil {
				return usage(err)
			}
			return a.show(dir, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print summary.json instead of tables")
	return cmd
}

// findRun resolves a run directory, a name below runs/, or the last run.
func findRun(args []string) (string, error) {
	if len(args) == 1 {
		if _, err := os.Stat(args[0]); err != nil {
			below := filepath.Join(runsDir, args[0])
			if _, err := os.Stat(below); err == nil {
				return below, nil
			}
			return "", usagef("%s: no such run directory", args[0])
		}
		return args[0], nil
	}
	entries, err := os.ReadDir(runsDir)
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() })
	if err != nil || len(entries) == 0 {
		return "", usagef("there is no run in %s/ yet; \"kbench run quick\" makes one", runsDir)
	}
	// Names of runs sort by time.
	last := slices.MaxFunc(entries, func(a, b os.DirEntry) int {
		if a.Name() < b.Name() {
			return -1
		}
		return 1
	})
	return filepath.Join(runsDir, last.Name()), nil
}
