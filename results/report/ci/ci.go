// Package ci shows gates to machines that run them for every change: as JUnit XML, which
// all of them read, and as annotations of GitHub.
package ci

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/kbench/kbench/internal/visible"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report/text"
)

type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Suites   []suite  `xml:"testsuite"`
}

type suite struct {
	Name     string `xml:"name,attr"`
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Cases    []test `xml:"testcase"`
}

type test struct {
	Class   string `xml:"classname,attr"`
	Name    string `xml:"name,attr"`
	Failure *said  `xml:"failure,omitempty"`
	Error   *said  `xml:"error,omitempty"`
	Out     string `xml:"system-out,omitempty"`
}

type said struct {
	Message string `xml:"message,attr"`
}

// JUnit writes a test for each gate, in a suite for each workload. One that was not
// decided guards nothing, so that it is an error and not skipped: many take what is
// skipped for good.
func JUnit(w io.Writer, run string, gates []results.Gate) error {
	all := suites{Name: "kbench " + run}
	for _, g := range gates {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != g.Workload {
			all.Suites = append(all.Suites, suite{Name: g.Workload})
		}
		s := &all.Suites[len(all.Suites)-1]
		t := test{Class: "kbench." + g.Workload, Name: g.Expression}
		s.Tests, all.Tests = s.Tests+1, all.Tests+1
		switch g.Verdict {
		case results.Met:
			t.Out = words(g)
		case results.NotMet:
			t.Failure = &said{words(g)}
			s.Failures, all.Failures = s.Failures+1, all.Failures+1
		default:
			t.Error = &said{words(g)}
			s.Errors, all.Errors = s.Errors+1, all.Errors+1
		}
		s.Cases = append(s.Cases, t)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(data)+"\n")
	return err
}

// GitHub writes a line for each gate that a workflow of GitHub shows at the change.
func GitHub(w io.Writer, gates []results.Gate) error {
	var b strings.Builder
	for _, g := range gates {
		level := map[results.Verdict]string{results.Met: "notice", results.NotMet: "error"}[g.Verdict]
		if level == "" {
			level = "warning"
		}
		fmt.Fprintf(&b, "::%s title=%s::%s\n", level, property(fmt.Sprintf("kbench: %s, %s", g.Workload, g.Verdict)), data(g.Expression+": "+words(g)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// data is text of a workflow command, property one of its properties.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}

// words are why a gate is what it is: the arms that made it so.
func words(g results.Gate) string {
	var by []string
	if g.Why != "" {
		by = append(by, g.Why)
	}
	for _, a := range g.Arms {
		if a.Verdict == g.Verdict {
			by = append(by, text.GateArm(a))
		}
	}
	return visible.Line(strings.Join(by, "; "))
}
