package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
)

// Shell completion: what "kbench completion SHELL" asks when its user types a tab.
// What it offers is read where it is defined, and is never a list of its own.

// completes says what the value of a flag may be.
func completes(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(flag, f) // it fails only for a flag that does not exist
}

// oneWord offers some words.
func oneWord(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// someWords offers words for a list with commas, each of them once.
func someWords(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		head := typed[:strings.LastIndexByte(typed, ',')+1]
		var out []string
		for _, w := range words {
			if !slices.Contains(strings.Split(head, ","), w) {
				out = append(out, head+w)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// setting offers the fields of a workload, and behind = the words that one may be.
func setting(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	path, _, valued := strings.Cut(typed, "=")
	var out []string
	for _, p := range workloads.Paths() {
		switch {
		case !valued:
			out = append(out, cobra.CompletionWithDesc(p.Path+"=", p.Doc))
		case p.Path == path:
			for _, w := range p.Words {
				out = append(out, path+"="+w)
			}
		}
	}
	if valued {
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// workload offers those that come with kbench, and files.
func workload(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, name := range catalog.Names() {
		out = append(out, cobra.CompletionWithDesc(name, workloads.Question(catalog.About(name))))
	}
	return out, cobra.ShellCompDirectiveDefault
}

// aRun offers the runs below runs/, the last ones first; for others a shell has paths.
func aRun(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, directive := runName(cmd, args, typed)
	return names, directive &^ cobra.ShellCompDirectiveNoFileComp
}

// aRunOrSearch offers the directories of searches, too.
func aRunOrSearch(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	names, directive := aRun(cmd, args, typed)
	if len(args) == 0 {
		names = append(names, below(held.File)...)
	}
	return names, directive
}

// runName offers their names alone.
func runName(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return below(results.RunFile), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// searchDir offers the directories of searches as a flag takes them, which knows no names.
func searchDir(*cobra.Command, []string, string) (out []string, _ cobra.ShellCompDirective) {
	for _, name := range below(held.File) {
		out = append(out, filepath.Join(runsDir, name))
	}
	return out, cobra.ShellCompDirectiveKeepOrder
}

// below are the directories in runs/ that have a file, the last ones first.
func below(file string) (names []string) {
	all, _ := filepath.Glob(filepath.Join(runsDir, "*", file)) // the pattern is a good one
	for _, path := range slices.Backward(all) {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	return names
}

// partsOfCPUs offers the parts of a run that may be tied to CPUs, each once.
func partsOfCPUs(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	head := typed[:strings.LastIndexByte(typed, ',')+1]
	var out []string
	for _, part := range results.PartsOfCPUs() {
		if !strings.Contains(","+head, ","+part+"=") {
			out = append(out, head+part+"=")
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
