// Package catalog holds the workloads that kbench brings along, and loads
// workloads and suites by name or from a file. It knows nothing of what a
// document means; that is package workloads.
package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kbench/kbench/internal/regular"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/reader"
	"github.com/kbench/kbench/workloads/replay"
)

//go:embed *.yaml
var documents embed.FS

// Names returns the names of the built-in documents: the suites for a first look and for a verdict,
// then the workloads from the simplest on.
func Names() []string {
	return []string{
		"quick", "night", "produce-max", "produce-rate", "consume-backlog", "end-to-end",
		"churn-sample", "churn-table", "churn-floors", "churn-join", "churn-leave", "churn-crash", "churn-stall",
		"churn-rolling", "churn-static-restart", "churn-crashloop", "churn-storm",
		"churn-assignor-roll", "churn-add-partitions", "churn-subscribe", "churn-idle-leave", "churn-slow-join", "churn-slow-handler", "leaks",
		"net-jitter", "net-sweep", "cfg-ratio", "cfg-article-a", "cfg-article-b", "link-rtt", "link-idle-close",
		"broker-coordinator", "broker-leader", "broker-roll", "broker-slow",
	}
}

// Source returns the text of a built-in document, to be read or to be copied as
// the start of one's own.
func Source(name string) ([]byte, bool) {
	if !slices.Contains(Names(), name) {
		return nil, false
	}
	src, err := documents.ReadFile(name + ".yaml")
	return src, err == nil
}

// About returns what a built-in document says of itself, and "" for a name that
// is not in the catalogue.
func About(name string) string {
	src, ok := Source(name)
	if !ok {
		return ""
	}
	doc, err := workloads.Parse(name+".yaml", src, workloads.Options{})
	switch {
	case err != nil:
		return ""
	case doc.Suite != nil:
		return doc.Suite.About
	default:
		return doc.Spec.About
	}
}

// Load reads a workload or a suite, by its name in the catalogue or from a file,
// and returns its workloads in order, with the name of the suite where it is
// one. Over a workload come the values that the suite sets, then those of
// opt.Set. All problems of all documents are in the error.
func Load(name string, opt workloads.Options) (specs []workloads.Spec, suite string, err error) {
	doc, err := parse(name, "", opt)
	if err != nil {
		return nil, "", err
	}
	if doc.Spec != nil {
		return []workloads.Spec{*doc.Spec}, "", nil
	}
	var problems workloads.Errors
	var others []error
	for i, in := range doc.Suite.Include {
		opt := opt
		opt.Override = nil
		for _, path := range slices.Sorted(maps.Keys(in.Set)) {
			opt.Override = append(opt.Override, workloads.Override{
				Path: path, Value: in.Set[path],
				Origin: fmt.Sprintf("suite %s: include[%d]", doc.Suite.Name, i),
			})
		}
		member, err := parse(in.Workload, dir(name), opt)
		var found workloads.Errors
		switch {
		case errors.As(err, &found):
			for _, p := range found {
				if !slices.Contains(problems, p) {
					problems = append(problems, p)
				}
			}
		case err != nil:
			others = append(others, fmt.Errorf("suite %s: include[%d]: %w", doc.Suite.Name, i, err))
		case member.Suite != nil:
			others = append(others, fmt.Errorf("suite %s: include[%d]: %s is a suite itself; include its workloads", doc.Suite.Name, i, in.Workload))
		default:
			specs = append(specs, *member.Spec)
		}
	}
	if len(problems) > 0 {
		others = append(others, problems)
	}
	if len(others) > 0 {
		return nil, "", errors.Join(others...)
	}
	return specs, doc.Suite.Name, nil
}

// parse finds and reads one document. Files named in a suite are looked for
// beside it.
func parse(name, beside string, opt workloads.Options) (*workloads.Document, error) {
	title, src, err := find(name, beside)
	if err != nil {
		return nil, err
	}
	doc, err := workloads.Parse(title, src, opt)
	if err != nil {
		return nil, err
	}
	if opt.Warn != nil {
		for _, w := range doc.Warnings {
			opt.Warn(w)
		}
	}
	return doc, nil
}

// find returns a document and the name to call it by. A name of the catalogue
// wins over a file of the same name: that one can still be had as ./name.
func find(name, beside string) (string, []byte, error) {
	if src, ok := Source(name); ok {
		return name + ".yaml", src, nil
	}
	if rest, ok := strings.CutPrefix(name, "replay/"); ok {
		if src, ok := replay.Source(rest); ok {
			return name + ".yaml", src, nil
		}
	}
	path := name
	if beside != "" && !filepath.IsAbs(name) {
		path = filepath.Join(beside, name)
	}
	src, err := regular.Read(path, reader.MaxSource)
	var missing *fs.PathError
	switch {
	case err == nil:
		return path, src, nil
	case !errors.As(err, &missing): // it is there, and is no document
		return "", nil, fmt.Errorf("workload %w", err)
	case errors.Is(err, os.ErrNotExist) && !isPath(name):
		return "", nil, fmt.Errorf("workload %s: it is not in the catalogue and there is no such file; write one of %s, or the path of a file",
			name, strings.Join(Names(), ", "))
	default:
		return "", nil, fmt.Errorf("workload %s cannot be read: %w; write one of %s, or the path of a file", name, err, strings.Join(Names(), ", "))
	}
}

func isPath(name string) bool {
	return strings.ContainsRune(name, filepath.Separator) || filepath.Ext(name) != ""
}

// dir is where the files that a suite names are looked for.
func dir(suite string) string {
	if _, builtin := Source(suite); builtin {
		return ""
	}
	return filepath.Dir(suite)
}
