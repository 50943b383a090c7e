package build

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// Versions are the releases of a client from one to another, both of them with it, in
// their order: those that the go command lists. It lists not all that it knows by name.
func Versions(ctx context.Context, name, from, to string) (versions []string, err error) {
	c, ok := find(name)
	if !ok {
		return nil, fmt.Errorf("%s: other versions can be had of %s", name, strings.Join(Names(), ", "))
	}
	b := &builder{client: c}
	if b.dir, err = os.MkdirTemp("", "kbench-build-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.dir)
	if err := b.empty(); err != nil {
		return nil, err
	}
	for _, path := range slices.Compact([]string{c.path(from), c.path(to)}) {
		out, err := b.goes(ctx, "list", "-m", "-versions", path)
		if err != nil {
			return nil, err
		}
		for _, v := range strings.Fields(string(out))[1:] {
			if c.path(v) == path {
				versions = append(versions, v)
			}
		}
	}
	return Between(append(versions, from, to), from, to), nil
}

// Between are those of some versions that lie between two, in their order, each once.
func Between(versions []string, from, to string) []string {
	out := slices.DeleteFunc(slices.Clone(versions), func(v string) bool {
		return semver.Compare(v, from) < 0 || semver.Compare(v, to) > 0
	})
	slices.SortFunc(out, semver.Compare)
	return slices.Compact(out)
}
