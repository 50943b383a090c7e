// Package cli is kbench's command line: one file per subcommand, each with its
// flags, a call and an exit code. A main of one's own with one more driver is
//
//	func main() { cli.Main(franzgo.New(), sarama.New(), kafkago.New(), mine.New()) }
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/visible"
)

// The exit codes.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2   // usage, or a bad workload
	ExitGate        = 3   // a gate was not met
	ExitRegression  = 4   // compare or trend found one
	ExitUndecided   = 5   // no gate was missed, but one could not be decided; compare or trend cannot tell
	ExitInterrupted = 130 // Ctrl-C, SIGTERM, or the terminal is gone
)

// Main runs kbench with the given drivers and exits.
func Main(table ...drivers.Driver) {
	os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, table...))
}

// app is what the subcommands share.
type app struct {
	table       []drivers.Driver
	others      []*arm.Elsewhere // those of the table that are in programs of their own
	in          io.Reader
	out, errOut io.Writer // for people: what a file or a client says is shown there, and moves no cursor
	raw, rawErr io.Writer // the same as they are, for other processes and for what draws
	self        []string  // the command that starts this program again
	args        []string  // what the user wrote

	tables map[string]string // of workloads, as they stand on the screen already
	ends   ends
	edited sync.Once // says that workers are of another source
}

// Run is Main without the exit. Workers and brokers are started by running the
// current executable again with other arguments.
func Run(args []string, in io.Reader, out, errOut io.Writer, table ...drivers.Driver) int {
	a := &app{table: table, in: in, out: visible.Writer(out), errOut: visible.Writer(errOut), raw: out, rawErr: errOut}
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintln(errOut, "kbench:", err)
		return ExitFailed
	}
	a.self, a.args = []string{exe}, args
	root := &cobra.Command{
		Use:   "kbench",
		Short: "Measure how Go's Kafka clients differ under the same work",
		Long: `kbench puts franz-go, sarama and kafka-go (and drivers of your own) through the
same produce and consume work, each in processes of its own, and records
latency histograms, delivery truth, cost per record and profiles, so that
clients, versions and nights can be compared.`,
		Example: `  kbench run quick                        a small sample of everything, no Kafka needed
  kbench run produce-max --broker kafka   against a real Apache Kafka on this machine
  kbench report                           the last run again, from its raw files`,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			cmd.SuggestionsMinimumDistance = 2
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "did you mean " + strings.Join(near, " or ") + "? "
			}
			return usagef("there is no command %q; %s\"kbench --help\" lists them", args[0], hint)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.runCommand(), a.listCommand(), a.planCommand(), a.reportCommand(), a.compareCommand(), a.gateCommand(), a.trendCommand(), a.doctorCommand(), a.bisectCommand(), a.replayCommand(), a.kneeCommand(), a.profileCommand(), a.brokerCommand(), a.cleanCommand(), a.schemaCommand(), a.verifyCommand(), a.versionCommand(), a.workerCommand())

	defer a.leave()
	defer a.ends.listen()()
	return a.until(func() int { return a.exit(root.ExecuteContext(context.Background())) })
}

// exit turns an error into what the user reads and the shell gets.
func (a *app) exit(err error) int {
	var u usageError
	var g gateError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, conduct.ErrInterrupted):
		fmt.Fprintln(a.errOut, "kbench: interrupted; what was recorded until then is kept")
		return ExitInterrupted
	case errors.As(err, &g):
		a.complain("kbench: " + err.Error())
		return g.code
	case errors.As(err, &u):
		a.complain(u.Error())
		return ExitUsage
	default:
		a.complain("kbench: " + err.Error())
		return ExitFailed
	}
}

// The length of messages: what is longer was not written by a person, nor will it be
// read by one.
const (
	mostLines = 100
	mostChars = 2000 // of a line
)

func (a *app) complain(msg string) {
	fmt.Fprintln(a.errOut, visible.Lines(visible.Text(msg), mostLines, mostChars))
}

// usageError is the user's to mend; nothing was started.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usage(err error) error { return usageError{err} }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// gateError says which gates were not met, or not decided.
type gateError struct {
	error
	code int
}

// flagError says what is wrong with a flag in the words of its user.
func flagError(cmd *cobra.Command, err error) error {
	see := fmt.Sprintf("see \"%s --help\"", cmd.CommandPath())
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &invalid):
		want := invalid.GetFlag().Value.Type()
		switch want {
		case "int":
			want = "a whole number"
		case "uint64":
			want = "a whole number from 0"
		case "bool":
			want = "true or false"
		case "duration":
			want = "a time, such as 90s or 1h"
		}
		return usagef("--%s %s: not %s; %s", invalid.GetFlag().Name, invalid.GetValue(), want, see)
	case errors.As(err, &missing):
		return usagef("--%s: needs a value; %s", missing.GetSpecifiedName(), see)
	case errors.As(err, &unknown):
		return usagef("%s has no flag --%s; %s", cmd.CommandPath(), unknown.GetSpecifiedName(), see)
	default:
		return usagef("%w; %s", err, see)
	}
}

// arguments checks how many there are; what says in words which are meant.
// most below 0: as many as one likes.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s needs %s; see \"%s --help\"", cmd.CommandPath(), what, cmd.CommandPath())
		case most == 0 && len(args) > 0:
			return usagef("%s takes no argument, not %q; see \"%s --help\"", cmd.CommandPath(), args[0], cmd.CommandPath())
		case most > 0 && len(args) > most:
			return usagef("%s takes %s, and %q is one too many; see \"%s --help\"", cmd.CommandPath(), what, args[most], cmd.CommandPath())
		}
		return nil
	}
}
