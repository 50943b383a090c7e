// Command floors holds the floors of a run of churn-floors against the law that
// they must follow, and exits 1 where it does not hold: 2 for wrong arguments.
//
//	kbench run churn-floors --client franz-go --out RUN
//	go run ./scripts/floors RUN
//
// "make floors" does both. A true law is denied once in a hundred times by
// chance, so a line that is only just below 0.01 is worth a second run with
// another seed before it is worth a search; two in a row are not chance.
//
// With --cut FILE it also writes a .tar.gz of what this analysis reads of the
// run. RUN may be such an archive, too: testdata holds one.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kbench/kbench/results/floors"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errOut io.Writer) int {
	f := flag.NewFlagSet("floors", flag.ContinueOnError)
	f.SetOutput(errOut)
	cutTo := f.String("cut", "", "`file` to write a copy of the run to, reduced to what is read here")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case f.NArg() != 1:
		fmt.Fprintln(errOut, "floors: write the directory of one run of churn-floors, and flags before it")
		return 2
	}
	if err := check(f.Arg(0), *cutTo, out); err != nil {
		fmt.Fprintln(errOut, "floors:", err)
		return 1
	}
	return 0
}

var errLaw = errors.New("what was measured does not show the law; the lines above say where")

func check(path, cutTo string, out io.Writer) error {
	if strings.HasSuffix(path, ".tar.gz") {
		tmp, err := os.MkdirTemp("", "kbench-floors-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		if err := unpack(path, tmp); err != nil {
			return err
		}
		path = tmp
	}
	reports, err := floors.ReadRun(path)
	if len(reports) > 0 {
		if err := floors.WriteTable(out, reports); err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
	}
	if err != nil {
		return err
	}
	if cutTo != "" {
		if err := cut(path, cutTo, reports); err != nil {
			return fmt.Errorf("cut %s: %w", path, err)
		}
	}
	for _, r := range reports {
		if !r.Holds() {
			return errLaw
		}
	}
	return nil
}
