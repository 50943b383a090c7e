package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Edited says that the source of which workers are built is not what this program was
// built of: who compares a client in this program with another version of it then
// compares two kbenches too. It is empty where nothing was edited.
func Edited(ctx context.Context) string {
	k, err := source()
	if err != nil || k.dir == "" {
		return "" // a build says what is wrong, and a release is not edited
	}
	info, ok := debug.ReadBuildInfo()
	path, err := os.Executable()
	if !ok || err != nil {
		return ""
	}
	program, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return edited(ctx, k.dir, info, program.ModTime())
}

// edited asks git where the program is of a commit and of nothing beside it. Else what it
// was built of is kept nowhere, and a file that was written after it tells.
func edited(ctx context.Context, dir string, info *debug.BuildInfo, built time.Time) string {
	of, files, err := "", []string(nil), error(nil)
	commit, clean := revisionOf(info)
	if clean {
		of = "commit " + commit[:min(12, len(commit))]
		files, err = changed(ctx, dir, commit)
	}
	if !clean || err != nil {
		of = built.Format(time.DateTime)
		files, err = writtenAfter(dir, built)
	}
	if err != nil || len(files) == 0 {
		return ""
	}
	what := files[0]
	if more := len(files) - 1; more > 0 {
		what += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("the source of kbench in %s is not what this kbench was built of (%s): %s; workers of other versions of a client are built of it as it is now, so build kbench again", dir, of, what)
}

// revisionOf is the commit that a program of a checkout of kbench is of, and whether of that
// alone. Of another program it is somebody else's.
func revisionOf(info *debug.BuildInfo) (commit string, clean bool) {
	if info.Main.Path != kbenchModule {
		return "", false
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	commit = set["vcs.revision"]
	return commit, commit != "" && set["vcs.modified"] == "false"
}

// changed are the sources in a checkout that are not as in a commit, new ones too.
func changed(ctx context.Context, dir, commit string) (files []string, err error) {
	for _, args := range [][]string{{"diff", "--name-only", "--relative", "-z", commit, "--", "."}, {"ls-files", "--others", "--exclude-standard", "-z"}} {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
		if err != nil {
			return nil, err
		}
		for name := range strings.SplitSeq(string(out), "\x00") {
			parts := strings.Split(name, "/")
			if last := len(parts) - 1; compiled(parts[last]) && !slices.ContainsFunc(parts[:last], aside) {
				files = append(files, name)
			}
		}
	}
	return files, nil
}

// writtenAfter are the sources in a directory that were written after some time.
func writtenAfter(dir string, t time.Time) (files []string, err error) {
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	err = eachSource(dir, func(path, rel string) error {
		info, err := os.Stat(path)
		if err == nil && info.ModTime().After(t) {
			files = append(files, rel)
		}
		return err
	})
	return files, err
}
