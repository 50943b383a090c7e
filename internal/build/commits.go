package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Commit is one of a clone.
type Commit struct {
	ID      string // its first characters, as many as name it
	Subject string
}

// shortID is how many characters of a hash name a commit here.
const shortID = 10

// Commits are those of a clone from one revision to another, both of them with it, the
// older first, along the first parents: what a branch brought is one step, its merge. It
// says which of them the two revisions are. Which one is the older is found out.
func Commits(ctx context.Context, dir, one, other string) (all []Commit, first, second string, err error) {
	ids := [2]string{}
	for i, rev := range []string{one, other} {
		if ids[i], err = commitOf(ctx, dir, rev); err != nil {
			return nil, "", "", err
		}
	}
	if ids[0] == ids[1] {
		return nil, "", "", fmt.Errorf("%s and %s are the same commit, %s: between it and itself nothing changed", one, other, ids[0][:shortID])
	}
	from, to := ids[0], ids[1]
	listed, found, err := firstParents(ctx, dir, from, to)
	if err == nil && !found {
		from, to = to, from
		listed, found, err = firstParents(ctx, dir, from, to)
	}
	if err != nil {
		return nil, "", "", err
	}
	if !found {
		return nil, "", "", fmt.Errorf("%s and %s: neither comes to the other by first parents; take the commits at which their branches were merged, or where they began (git -C %s merge-base %s %s)",
			one, other, dir, one, other)
	}
	return listed, ids[0][:shortID], ids[1][:shortID], nil
}

// firstParents are the commits of the way from one to another; found is false where there
// is none.
func firstParents(ctx context.Context, dir, from, to string) (way []Commit, found bool, err error) {
	out, err := git(ctx, dir, "log", "--first-parent", "--reverse", "--format=%H %P\t%s", from+".."+to)
	if err != nil {
		return nil, false, err
	}
	before := from
	for line := range strings.Lines(string(out)) {
		hashes, subject, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		of := strings.Fields(hashes)
		if len(of) < 2 || of[1] != before {
			return nil, false, nil
		}
		before = of[0]
		way = append(way, Commit{of[0][:shortID], subject})
	}
	if before != to {
		return nil, false, nil
	}
	out, err = git(ctx, dir, "log", "-1", "--format=%s", from)
	return append([]Commit{{from[:shortID], strings.TrimSpace(string(out))}}, way...), true, err
}

// commitOf is the hash of the commit that a revision of a clone is.
func commitOf(ctx context.Context, dir, rev string) (string, error) {
	out, err := git(ctx, dir, "rev-parse", "--verify", "--end-of-options", rev+"^{commit}")
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%s: it is no commit of the clone in %s: %w", rev, dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// checkOut writes the files of a commit into a directory. The clone, with what is checked
// out there, is left as it is.
func checkOut(ctx context.Context, clone, commit, dir string) error {
	files, err := git(ctx, clone, "archive", "--format=tar", commit)
	if err != nil {
		return err
	}
	for r := tar.NewReader(bytes.NewReader(files)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("git archive: %w", err)
		}
		// A link is nothing that Go would build.
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			continue
		}
		path := filepath.Join(dir, h.Name)
		data, err := io.ReadAll(r)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
		if err != nil {
			return err
		}
	}
}

// git runs git in a clone, at its root. Its error is what git said.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, errors.New("git reads the commits of a clone, and is not here: install it, or put it in PATH")
	}
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	return output(ctx, cmd)
}
