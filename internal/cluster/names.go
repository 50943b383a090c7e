package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"
)

// Prefix starts the name of every topic and group that kbench makes. It tells a
// person whose they may be. What is to be deleted is told by a lease alone.
const Prefix = "kbench-"

// The one form of the names that runs make: kbench-<run>-<trial> for the topic and
// the group of a trial, with another number for each topic more, and
// kbench-<run>-lease.
const (
	runForm  = `[0-9]{8}-[0-9]{6}-[0-9a-f]{4}`
	leaseEnd = "lease"
)

var (
	runShape  = regexp.MustCompile(`^` + runForm + `$`)
	nameShape = regexp.MustCompile(`^` + Prefix + `(` + runForm + `)-(` + leaseEnd + `|[0-9]{1,6}(?:-[0-9]{1,6})?)$`)
)

// NewRunID names a run: sortable by time, and unique.
func NewRunID() string {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return time.Now().UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// IsRunID says whether a text has the form of NewRunID.
func IsRunID(s string) bool { return runShape.MatchString(s) }

// Name is what topic and group of the n-th trial of a run are called.
func Name(run string, n int) string { return fmt.Sprintf("%s%s-%d", Prefix, run, n) }

// leaseName is what the topic of a run's lease is called.
func leaseName(run string) string { return Prefix + run + "-" + leaseEnd }

// runOf is the run whose names have the form of this one, and whether it is the
// name of its lease. It is empty for names of any other form.
func runOf(name string) (run string, lease bool) {
	m := nameShape.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	return m[1], m[2] == leaseEnd
}

// names says whether a run may call a topic or a group so.
func names(run, name string) bool {
	of, lease := runOf(name)
	return of == run && !lease
}
