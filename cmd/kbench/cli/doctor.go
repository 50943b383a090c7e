package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/doctor"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results/report/text"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say whether this machine is fit to measure on, and what to do about it",
		Long: `Looks at the machine for some seconds, in which nothing else should run: cores and
what of them may be used, governor, turbo, SMT, what the host below and what other
processes take, the clock, memory, disk, limits, and how long a fixed piece of CPU
work takes, again and again. Of each it says

  good     nothing to do
  beware   figures are honest, but worse or wider than they could be
  unfit    trials will be put out of verdicts, or say little
  unknown  the system does not tell

and what to do. The last line says how small a difference between two clients half an
hour of rounds would show, four times of five, and how that was found.

Exit codes: 0 nothing is unfit, 5 something is. Whether the instrument itself is right
is for "kbench verify".`,
		Example: `  kbench doctor
  kbench doctor --json`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			dir, free := cluster.Disk()
			r := doctor.Examine(doctor.Here(), launch.Here{}, doctor.Place{Dir: dir, Free: free})
			if asJSON {
				if err := a.json(r); err != nil {
					return err
				}
			} else {
				a.examined(r)
			}
			if r.Fit() {
				return nil
			}
			return gateError{errors.New("this machine is not fit to measure on: " + strings.Join(unfit(r), ", ")), ExitUndecided}
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	return cmd
}

func unfit(r *doctor.Report) (what []string) {
	for _, f := range r.Findings {
		if f.Grade == doctor.Unfit {
			what = append(what, f.What)
		}
	}
	return what
}

// examined prints what was found.
func (a *app) examined(r *doctor.Report) {
	width := a.width(100)
	say := func(label, words string) {
		for _, l := range text.Wrap(label, words, width) {
			fmt.Fprintln(a.out, strings.TrimRight(l, " "))
		}
	}
	m := r.Machine
	say("", fmt.Sprintf("%s · %s/%s, kernel %s · %s, %s of memory", m.Host, m.OS, m.Arch, cmp.Or(m.Kernel, "not known"), cmp.Or(m.CPU, "not known"), size(m.MemBytes)))
	for _, f := range r.Findings {
		words := f.Found
		if f.Do != "" {
			words += " -> " + f.Do
		}
		grade := string(f.Grade)
		if f.Grade == doctor.Unfit {
			grade = "UNFIT"
		}
		say(fmt.Sprintf("  %-8s %-13s", grade, f.What), words)
	}
	if e := r.Effect; e.Known {
		say("", fmt.Sprintf("In 30 minutes, %d rounds of two clients, a difference of %.1f%% would be seen, %s.", e.Rounds, 100*e.Share, e.By))
	} else {
		say("", "How small a difference would be seen in 30 minutes is not known: "+e.By+".")
	}
}
