package conduct

import (
	"cmp"
	"runtime/debug"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/results"
)

// Build says what this program was built from: its own commit, as Go stamps it
// into a build of a checkout, and the module of every driver's client.
func Build(table []drivers.Driver) (results.Build, map[string]string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return buildOf(info), clientsOf(info, table)
}

func buildOf(info *debug.BuildInfo) results.Build {
	b := results.Build{Version: cmp.Or(info.Main.Version, "(devel)")}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Dirty = s.Value == "true"
		}
	}
	return b
}

// clientsOf is module@version by the name of the driver.
func clientsOf(info *debug.BuildInfo, table []drivers.Driver) map[string]string {
	out := make(map[string]string)
	for _, d := range table {
		if version := arm.Version(info, d); version != "" {
			out[d.Name()] = version
		}
	}
	return out
}
