package conduct

import (
	"runtime/debug"
	"testing"
)

// A build of a checkout says its commit, and whether there was more in it than
// that; any other says that nobody knows.
func TestBuildSaysItsCommit(t *testing.T) {
	f := func(want string, version string, settings ...debug.BuildSetting) {
		t.Helper()
		info := &debug.BuildInfo{Settings: settings}
		info.Main.Version = version
		if got := buildOf(info).String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	f("v1.2.3, commit 0123456789ab", "v1.2.3", revision, debug.BuildSetting{Key: "vcs.modified", Value: "false"})
	f("(devel), commit 0123456789ab, dirty", "(devel)", revision, debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	f("(devel), commit not known", "(devel)")
	f("(devel), commit not known", "")
}
