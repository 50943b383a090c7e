package evidence

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// Damaged is why nothing is said of a trial: files of it are missing, are not as they
// were written, or cannot be. Whatever there is of them might be told as figures, and
// they would be of something else.
type Damaged []*results.Damage

func (d Damaged) Error() string {
	words := make([]string, len(d))
	for i, one := range d {
		words[i] = one.Error()
	}
	return strings.Join(words, "; ")
}

// needed says whether figures are made of a file; else it is there for people.
func needed(name string) bool {
	switch path.Base(name) {
	case results.DeliveryFile, results.LatencyFile, results.EventsFile:
		return strings.Count(name, "/") == 1
	case results.SupervisorFile, results.MachineFile:
		return !strings.Contains(name, "/")
	}
	return false
}

// check holds the files of the trial against its list, before any is read. It returns
// what is wrong with those that figures need.
func (e *Trial) check(d *results.Dir) (wrong Damaged) {
	for _, f := range e.Files {
		switch found := d.Check(e.Ref, f); {
		case found == nil:
		case needed(f.Name):
			wrong = append(wrong, found)
		default:
			e.Beside = append(e.Beside, found)
		}
	}
	return wrong
}

// beside says that a file which no figure needs is not as it was written.
func (e *Trial) beside(name string) bool {
	return slices.ContainsFunc(e.Beside, func(d *results.Damage) bool { return d.File == name })
}

// raw is the path of a file of a worker, or with no worker of the trial. One that is
// not on the list of the trial was not there when it ended, whatever lies there now.
func (e *Trial) raw(worker, file string) (string, error) {
	at := filepath.Join(e.dir, file)
	if name := path.Join(worker, file); e.Files != nil && !slices.ContainsFunc(e.Files, func(f results.File) bool { return f.Name == name }) {
		return "", &os.PathError{Op: "open", Path: at, Err: os.ErrNotExist}
	}
	if worker != "" {
		at = e.path(worker, file)
	}
	return at, nil
}

// damage is why a file could not be read.
func (e *Trial) damage(worker, file string, err error) *results.Damage {
	out := &results.Damage{File: path.Join(worker, file), Offset: -1}
	var bad *record.BadSpan
	if errors.As(err, &bad) {
		out.Offset, out.Why = bad.Offset, bad.Why
		return out
	}
	at := filepath.Join(e.dir, worker, file) // which is said already
	out.Why = strings.ReplaceAll(strings.ReplaceAll(err.Error(), at+": ", ""), at+":", "line ")
	return out
}

// What trial.json may say: more cannot be, and would be counted through one by one.
const (
	mostPartitions = 1 << 18
	longest        = 7 * 24 * time.Hour     // of a part of a trial
	mostTime       = int64(1) << 61         // of a clock
	mostOffered    = int64(100_000_000)     // records a second, of a producer that left no account
	mostSlack      = int64(3 * time.Minute) // of the length of a trial, for what comes around its parts
)

// impossible says what of trial.json cannot be, empty where all can.
func (e *Trial) impossible() string {
	if n := e.Spec.Topic.Partitions; n < 0 || n > mostPartitions {
		return fmt.Sprintf("a topic of %d partitions cannot be", n)
	}
	for _, t := range e.Topics {
		if t.First < 0 || t.Count < 0 || t.First > mostPartitions || t.Count > mostPartitions {
			return fmt.Sprintf("a topic of %d partitions from %d on cannot be", t.Count, t.First)
		}
	}
	times := slices.Collect(maps.Values(e.Clocks))
	for _, p := range e.Phases {
		if length := p.To - p.From; (p.From < 0) == (p.To < 0) && length > int64(longest) {
			return fmt.Sprintf("the part %s of %s cannot be", p.Name, time.Duration(length))
		}
		times = append(times, p.From, p.To)
	}
	for _, a := range e.Acts {
		times = append(times, a.Planned, a.At, a.For, a.Resumed, a.Gone, a.Stable, a.Ready)
		if a.Broker != nil {
			for _, n := range a.Broker.Nodes {
				times = append(times, n.At, n.Done, n.Back, n.Whole)
			}
		}
	}
	for _, t := range times {
		if t < -mostTime || t > mostTime {
			return fmt.Sprintf("a time of %d ns cannot be", t)
		}
	}
	return ""
}

// plausible holds the sequences in spans against what was handed over. A producer
// that left no account handed over no more than there was time for.
func (e *Trial) plausible() (wrong Damaged) {
	least, most := int64(0), int64(0)
	for _, p := range e.Phases {
		if least == 0 || p.From < least {
			least = p.From
		}
		most = max(most, p.To)
	}
	otherwise := (most - least + mostSlack) / int64(time.Second) * mostOffered
	offered := map[uint32]int64{}
	for _, w := range e.Workers {
		if n, produces := number(w.Worker); produces && w.Tally != nil {
			offered[n] = w.Tally.Sent
		}
	}
	for _, l := range e.Logs {
		for _, lane := range l.Spans.Lanes {
			if lane.Kind == record.Corrupt || lane.Kind == record.Foreign {
				continue // whose sequence may be anything
			}
			for _, r := range lane.Sequences {
				sent, known := offered[r.Producer]
				if !known {
					sent = otherwise
				}
				if r.Hi > sent {
					wrong = append(wrong, e.damage(l.Worker, results.DeliveryFile, &record.BadSpan{
						Offset: l.Spans.At(lane, int(r.From)), Why: fmt.Sprintf("there is no sequence %d of producer %d, who handed over %d", r.Hi-1, r.Producer, sent),
					}))
					break
				}
			}
		}
	}
	return wrong
}

// number is that of a producer in records, and whether the worker is one.
func number(w results.Worker) (n uint32, produces bool) {
	switch w.Role {
	case results.RoleProducer, results.RoleBoth, results.RoleReference, results.RoleFiller:
		_, number, _ := strings.Cut(w.Name, "-")
		n, err := strconv.ParseUint(number, 10, 32)
		return uint32(n), err == nil
	}
	return 0, false
}
