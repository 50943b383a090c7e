package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Test the instrument itself on this machine, by faults with known answers",
		Long: `Runs small trials on the embedded broker in which something is wrong on purpose
(a record dropped, doubled, swapped or damaged, an early ack, a commit off its
place, a stop of a known length, ...) and holds what kbench reports against what
was injected. In a quiet run of each client nothing may be found. It takes less
than 2 minutes; leave the machine alone meanwhile.

Exit codes: 0 the instrument can be trusted on this machine, 1 it cannot, with
what is off, 2 usage, 130 interrupted.`,
		Example: `  kbench verify
  kbench verify --out verified            keep what was recorded`,
		Args: arguments(0, 0, ""),
	}
	cmd.Flags().StringVar(&out, "out", "", "keep the run of every case in `directory` (default: only without a good\nverdict, in a temporary directory)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cases, err := verify.Cases(a.table)
		if err != nil {
			return usage(err)
		}
		keep := out != ""
		if keep {
			if err := checkOut(out); err != nil {
				return usage(err)
			}
		} else if out, err = os.MkdirTemp("", "kbench-verify-"); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		n := 0
		began := time.Now()
		answers, err := verify.Run(cmd.Context(), cases, verify.Options{
			Out: out, Launcher: launch.Local{}, Self: a.self,
			Started: func(c verify.Case) {
				n++
				fmt.Fprintf(a.errOut, "%d/%d %s, %s\n", n, len(cases), c.Name, c.Client())
			},
		})
		if err != nil {
			fmt.Fprintf(a.errOut, "no verdict; what was recorded is in %s\n", out)
			return err
		}
		wrong := printAnswers(a.out, answers)
		fmt.Fprintf(a.errOut, "%d cases in %s\n", len(answers), time.Since(began).Round(time.Second))
		if wrong == 0 {
			if !keep {
				return os.RemoveAll(out)
			}
			return nil
		}
		return fmt.Errorf("%d of %d known answers were not found; what was recorded is in %s", wrong, len(answers), out)
	}
	return cmd
}

// printAnswers prints the table and the verdict, and returns how many answers
// are wrong.
func printAnswers(w io.Writer, answers []verify.Answer) (wrong int) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "case\tclient\tinjected\treported\t")
	var off strings.Builder
	for _, a := range answers {
		verdict := "ok"
		if !a.OK() {
			wrong++
			verdict = "OFF"
			fmt.Fprintf(&off, "  %s, %s: %s\n", a.Case.Name, a.Case.Client(), strings.Join(a.Wrong, "; "))
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\n", a.Case.Name, a.Case.Client(), a.Injected, a.Reported, verdict)
	}
	_ = tab.Flush() // an output that takes nothing has nobody to tell
	if wrong == 0 {
		fmt.Fprintf(w, "\nThe instrument can be trusted on this machine: each of %d known answers was found, and nothing else.\n", len(answers))
		return 0
	}
	fmt.Fprintf(w, "\nThe instrument cannot be trusted on this machine. What is off:\n%s", off.String())
	return wrong
}
