package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/scratch"
	"github.com/kbench/kbench/internal/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	o := verifyOptions{counts: verify.DefaultCounts()}
	n := &o.counts
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Test the instrument itself on this machine, by faults with known answers",
		Long: `Runs small trials on the embedded broker in which something is wrong on purpose
(a record dropped, doubled, swapped or damaged, an early ack, a commit off its
place, a stop of a known length, ...) and holds what kbench reports against what
was injected. A member of each client is stopped below its session, which nobody
but its partitions may notice, and beyond it, so that the end of the session, the
floor that follows from it and the gap have to fit. Its link is slowed down, cut
and made lossy, and requests on the wire must show it. Members join, leave, are
killed and cut off, and topics grow: the wire alone must tell which it was. A leader
stands still and the coordinator is killed, which may fail nothing and be nobody's.
In a quiet run of each client nothing may be found. It takes about 3 minutes; leave
the machine alone meanwhile.

A gap may be longer than what explains it by one record interval and 20ms, or by
how late the machine itself was. Two clients are granted 100ms more, which they
wait by a constant in their own code: sarama after each assignment, where it
gathers new subscriptions (partitionConsumersBatchTimeout), and kafka-go after a
stop, where the deadline of its read (consume.fetch.wait) has passed: it takes
that for a broken connection, hangs up and waits for ReadBackoffMin.

With --thorough it asks for numbers: for each client 20 stops of 100ms to half
the session, drawn on a logarithmic scale, processes stopped below and beyond
the session, every fault, and 20 quiet runs of 30s; for loopback, which costs
nothing, 50 stops of up to 15s. Of 20 stops of a client one may be out of its
bound, and of 20 causes one may stay open; everything else must be found every time. It takes about 20 minutes and
says beforehand how long. Quiet runs mostly wait and go four at a time, all else
two at a time, each with a thread beside it that tells how late the machine is.

Exit codes: 0 the instrument can be trusted on this machine, 1 it cannot, with
what is off, 2 usage, 130 interrupted.`,
		Example: `  kbench verify
  kbench verify --out verified            keep what was recorded
  kbench verify --thorough --json
  kbench verify --thorough --only blame
  kbench verify --thorough --stops 2 --quiet 1 --quiet-length 5s`,
		Args: arguments(0, 0, ""),
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "keep the run of every case in `directory` (default: only without a good\nverdict, in a temporary directory)")
	f.BoolVar(&o.thorough, "thorough", false, "every question to every client, many times")
	f.StringVar(&o.only, "only", "", "the cases with this `text` in their names, such as blame")
	f.BoolVar(&o.asJSON, "json", false, "print counts, bounds and every case as JSON")
	f.IntVar(&n.Stops, "stops", n.Stops, "with --thorough: stops of each client")
	f.IntVar(&n.Quiet, "quiet", n.Quiet, "with --thorough: quiet runs of each client")
	f.DurationVar(&n.QuietLength, "quiet-length", n.QuietLength, "with --thorough: measured part of a quiet run")
	f.Uint64Var(&n.Seed, "seed", n.Seed, "with --thorough: draws the lengths of the stops")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var wrong error
		for _, name := range []string{"stops", "quiet", "quiet-length", "seed"} {
			if f.Changed(name) && !o.thorough {
				wrong = errors.Join(wrong, fmt.Errorf("--%s goes with --thorough", name))
			}
		}
		if err := n.Check(); err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("--%w", err))
		}
		if f.Changed("out") {
			wrong = errors.Join(wrong, checkOut(o.out))
		}
		if wrong != nil {
			return usage(wrong)
		}
		ctx, ended := a.inOrder(cmd.Context())
		defer ended()
		return a.verify(ctx, o)
	}
	return cmd
}

// verifyOptions are the flags of verify.
type verifyOptions struct {
	out      string // empty: a temporary directory, which stays only without a good verdict
	thorough bool
	asJSON   bool
	only     string
	counts   verify.Counts
}

// print is how the answers are shown.
func (o verifyOptions) print() func(io.Writer, []verify.Answer) error {
	switch {
	case o.asJSON && o.thorough:
		return answersJSON(&o.counts.Seed)
	case o.asJSON:
		return answersJSON(nil)
	case o.thorough:
		return printTallies
	default:
		return printAnswers
	}
}

func (a *app) verify(ctx context.Context, o verifyOptions) (err error) {
	trusted := false
	cases, err := verify.Cases(a.table)
	if o.thorough {
		cases, err = verify.Thorough(a.table, o.counts)
	}
	if err != nil {
		return usage(err)
	}
	cases = slices.DeleteFunc(cases, func(c verify.Case) bool { return !strings.Contains(c.Name, o.only) })
	if len(cases) == 0 {
		return usage(fmt.Errorf("--only %s: no case has it in its name; leave it out, and each case is named as it begins", o.only))
	}
	scratch.Sweep(os.TempDir())
	out := o.out
	var temporary *scratch.Dir
	if out == "" {
		if temporary, err = scratch.New(os.TempDir(), "verify"); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		out = temporary.Path
		defer func() {
			if trusted {
				err = temporary.Remove()
			} else {
				err = errors.Join(err, temporary.Keep()) // its name is told
			}
		}()
	}
	began := time.Now()
	fmt.Fprintf(a.errOut, "%s, about %s\n", quantity(len(cases), "case"), verify.Estimate(cases).Round(time.Second))
	started := 0
	answers, err := verify.Run(ctx, cases, verify.Options{
		Out: out, Launcher: launch.Local{}, Self: a.self,
		Started: func(c verify.Case) {
			left := ""
			if o.thorough {
				left = fmt.Sprintf(" (about %s left)", verify.Estimate(cases[started:]).Round(time.Second))
			}
			started++
			fmt.Fprintf(a.errOut, "%d/%d %s, %s%s\n", started, len(cases), c.Name, c.Client(), left)
		},
	})
	if err != nil {
		fmt.Fprintf(a.errOut, "no verdict; what was recorded is in %s\n", out)
		return err
	}
	verdict := o.print()(a.out, answers)
	trusted = verdict == nil
	fmt.Fprintf(a.errOut, "%d cases in %s\n", len(answers), time.Since(began).Round(time.Second))
	if verdict != nil {
		return fmt.Errorf("%w; what was recorded is in %s", verdict, out)
	}
	return nil
}

// printAnswers prints every answer and the verdict, which is also the error that
// it returns.
func printAnswers(w io.Writer, answers []verify.Answer) error {
	wrong := 0
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
		return nil
	}
	fmt.Fprintf(w, "\nThe instrument cannot be trusted on this machine. What is off:\n%s%s", off.String(), busy(answers))
	return fmt.Errorf("%d of %d known answers were not found", wrong, len(answers))
}

// printTallies prints how often each answer was found, the bounds, what was
// missed, and the verdict.
func printTallies(w io.Writer, answers []verify.Answer) error {
	tallies := verify.Tallies(answers)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "case\tclient\tfound\tneeded\tworst\tbound\tcanary\t")
	var bounds []string         // in the order of their first case
	of := map[string][]string{} // whom each is for
	var missed strings.Builder
	off := 0
	for _, t := range tallies {
		verdict := "ok"
		if !t.OK {
			off++
			verdict = "OFF"
		}
		worst, bound, canary := "", "", ""
		if x := t.Worst; x != nil {
			worst, canary = signedDuration(x.Over), shortDuration(x.Canary)
			bound = signedDuration(x.Least) + " to " + signedDuration(x.Most)
		}
		fmt.Fprintf(tab, "%s\t%s\t%d/%d\t%d\t%s\t%s\t%s\t%s\n", t.Question, t.Client, t.Found, t.Cases, t.Need, worst, bound, canary, verdict)
		if line := t.Question + ": " + t.Bound; t.Bound != "" {
			if of[line] == nil {
				bounds = append(bounds, line)
			}
			of[line] = append(of[line], t.Client)
		}
		for _, m := range t.Wrong {
			fmt.Fprintf(&missed, "  %s: %s\n", t.Client, m)
		}
	}
	_ = tab.Flush() // an output that takes nothing has nobody to tell
	if len(bounds) > 0 {
		fmt.Fprintln(w, "\nHow much longer than the stop, or the floor, a reported gap may be:")
		for _, b := range bounds {
			fmt.Fprintf(w, "  %s: %s\n", strings.Join(of[b], ", "), b)
		}
	}
	if missed.Len() > 0 {
		heading := "What is off"
		if off == 0 {
			heading = "Missed, as often as may be"
		}
		fmt.Fprintf(w, "\n%s:\n%s", heading, missed.String())
	}
	if off == 0 {
		fmt.Fprintf(w, "\nThe instrument can be trusted on this machine: %s in %s, each answered as often as it must be.\n", quantity(len(tallies), "question"), quantity(len(answers), "case"))
		return nil
	}
	fmt.Fprintf(w, "%s\nThe instrument cannot be trusted on this machine: %d of %d questions were not answered as often as they must be.\n", busy(answers), off, len(tallies))
	return notOften(off, len(tallies))
}

// busy says in how many cases a bound was missed while the machine was late
// itself; nothing where there is none.
func busy(answers []verify.Answer) string {
	n := 0
	for _, a := range answers {
		if a.Busy() {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("\nIn %d of these the machine itself was later than the bound of the case allows for, as the canary tells: leave it alone, and run this again.\n", n)
}

func notOften(off, of int) error {
	return fmt.Errorf("%d of %d known answers were not found as often as they must be", off, of)
}

func shortDuration(ns int64) string {
	return time.Duration(ns).Round(100 * time.Microsecond).String()
}

func signedDuration(ns int64) string {
	if ns <= 0 {
		return shortDuration(ns)
	}
	return "+" + shortDuration(ns)
}

// answered is a case as --json has it.
type answered struct {
	Case     string         `json:"case"`
	Client   string         `json:"client"`
	Injected string         `json:"injected"`
	Reported string         `json:"reported"`
	OK       bool           `json:"ok"`
	Wrong    []string       `json:"wrong,omitempty"`
	Excess   *verify.Excess `json:"excess,omitempty"`
	Run      string         `json:"run"`
}

// answersJSON prints counts, bounds and every case. The seed is that of the
// lengths of the stops; nil where nothing was drawn.
func answersJSON(seed *uint64) func(io.Writer, []verify.Answer) error {
	return func(w io.Writer, answers []verify.Answer) error {
		doc := struct {
			OK      bool           `json:"ok"`
			Seed    *uint64        `json:"seed,omitempty"`
			Tallies []verify.Tally `json:"tallies"`
			Cases   []answered     `json:"cases"`
		}{Seed: seed, Tallies: verify.Tallies(answers), Cases: []answered{}}
		off := 0
		for _, t := range doc.Tallies {
			if !t.OK {
				off++
			}
		}
		doc.OK = off == 0
		for _, x := range answers {
			doc.Cases = append(doc.Cases, answered{x.Case.Name, x.Case.Client(), x.Injected, x.Reported, x.OK(), x.Wrong, x.Excess, x.Run})
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := e.Encode(doc); err != nil {
			return fmt.Errorf("print the answers: %w", err)
		}
		if off > 0 {
			return notOften(off, len(doc.Tallies))
		}
		return nil
	}
}
