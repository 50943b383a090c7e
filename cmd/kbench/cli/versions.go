package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/build"
	"github.com/kbench/kbench/internal/launch"
)

// versions are those of the named clients that are not in this program, and what is
// wrong with the names.
func (a *app) versions(names []string) (wants []build.Want, wrong []string) {
	for _, name := range names {
		if slices.Contains(a.clientNames(), name) {
			continue
		}
		w, other, err := build.Parse(name)
		switch {
		case err != nil:
			wrong = append(wrong, "--client "+err.Error())
		case other:
			wants = append(wants, w)
		default:
			wrong = append(wrong, fmt.Sprintf("--client %s: no such client; there are %s", name, strings.Join(a.clientNames(), ", ")))
		}
	}
	return wants, wrong
}

// have builds the workers of clients at other versions and puts their drivers into the
// table. All that is wrong with any of them is said at once.
func (a *app) have(ctx context.Context, wants []build.Want) error {
	var wrong []string
	if len(wants) > 0 {
		a.edited.Do(func() {
			if why := build.Edited(ctx); why != "" {
				a.complain("warning: " + why)
			}
		})
	}
	for _, w := range wants {
		path, err := build.Worker(ctx, w, func() { fmt.Fprintf(a.errOut, "building a worker with %s\n", w.Name) })
		if err == nil {
			var d *arm.Elsewhere
			if d, err = arm.Ask(ctx, launch.Local{}, path, w.Name); err == nil {
				a.table, a.others = append(a.table, d), append(a.others, d)
				continue
			}
		}
		wrong = append(wrong, "--client "+err.Error())
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// leave ends the programs of other versions.
func (a *app) leave() {
	for _, d := range a.others {
		d.Close()
	}
}
