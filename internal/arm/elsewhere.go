package arm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/launch"
)

// This file is an arm whose client is in a program of its own: both sides of the talk by
// which that program answers for its plan and its version.

// about is the first line that the program says.
type about struct {
	Client  string `json:"client"`
	Module  string `json:"module"`
	Version string `json:"version"` // module@version
}

// Answer says what a program with one driver is, and answers what the settings that it
// reads would become, line by line, until in ends. source is where the client was built
// from, where that is no version of a module.
func Answer(d drivers.Driver, source string, in io.Reader, out io.Writer) error {
	is := about{Client: d.Name()}
	if v, ok := d.(drivers.Versioned); ok {
		is.Module = v.Module()
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		is.Version = Version(info, d)
	}
	if source != "" {
		is.Version = is.Module + "@" + source
	}
	enc, dec := json.NewEncoder(out), json.NewDecoder(in)
	if err := enc.Encode(is); err != nil {
		return err
	}
	for {
		var s drivers.Settings
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		if err := enc.Encode(d.Plan(s)); err != nil {
			return err
		}
	}
}

// Version is module@version of the client of a driver, as a build knows it; the module
// alone where it does not say more, and nothing of a driver without one.
func Version(info *debug.BuildInfo, d drivers.Driver) string {
	if e, ok := d.(drivers.Elsewhere); ok {
		return e.Version()
	}
	v, ok := d.(drivers.Versioned)
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path != v.Module() {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		return m.Path + "@" + m.Version
	}
	return v.Module()
}

// Elsewhere is a driver in a program of its own, as the rest of kbench knows it.
type Elsewhere struct {
	name    string
	command []string
	is      about

	mu    sync.Mutex
	p     launch.Process
	lines *bufio.Reader
	known map[string][]drivers.Setting // plans by settings
	lost  error                        // why it answers no more
}

var (
	_ drivers.Driver    = (*Elsewhere)(nil)
	_ drivers.Elsewhere = (*Elsewhere)(nil)
	_ drivers.Versioned = (*Elsewhere)(nil)
)

// The arguments of such a program: the name that its client goes by, and what it is to do.
const (
	DoWork   = "worker"
	DoAnswer = "answer"
)

// Ask starts a program with one driver, whose client goes by a name from now on, and
// asks what it is. It is asked again for plans, until Close.
func Ask(ctx context.Context, l launch.Launcher, path, name string) (*Elsewhere, error) {
	var said strings.Builder
	p, err := l.Start(ctx, launch.Spec{Path: path, Args: []string{name, DoAnswer}, Env: launch.WorkerEnviron(), Stderr: &said})
	if err != nil {
		return nil, err
	}
	e := &Elsewhere{name: name, command: []string{path, name}, p: p, lines: bufio.NewReader(p.Stdout()), known: map[string][]drivers.Setting{}}
	if err := e.hear(&e.is); err != nil {
		e.Close()
		return nil, fmt.Errorf("%s does not say what it is: %w; %s", path, err, strings.TrimSpace(said.String()))
	}
	return e, nil
}

func (e *Elsewhere) Name() string      { return e.name }
func (e *Elsewhere) Command() []string { return e.command }
func (e *Elsewhere) Module() string    { return e.is.Module }
func (e *Elsewhere) Version() string   { return e.is.Version }

// Plan is what the program says. One that is gone can do nothing.
func (e *Elsewhere) Plan(s drivers.Settings) []drivers.Setting {
	e.mu.Lock()
	defer e.mu.Unlock()
	key, err := json.Marshal(s)
	if err == nil && e.known[string(key)] != nil {
		return e.known[string(key)]
	}
	var rows []drivers.Setting
	if err == nil && e.lost == nil {
		if e.lost = launch.Send(e.p, s); e.lost == nil {
			e.lost = e.hear(&rows)
		}
		err = e.lost
	}
	if err = errors.Join(err, e.lost); err != nil {
		dead := map[string]drivers.Setting{}
		for _, k := range drivers.Keys() {
			dead[k] = drivers.Lacks("", "its program does not answer: "+err.Error())
		}
		return drivers.Rows(s, dead)
	}
	e.known[string(key)] = rows
	return rows
}

func (e *Elsewhere) hear(v any) error {
	line, err := e.lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

// closeGrace is how long the program may take to see that nobody asks any more.
const closeGrace = time.Second

// Close ends the program that is asked. Its workers are others'.
func (e *Elsewhere) Close() {
	// It holds nothing: one that cannot be ended now ends with its input.
	_, _ = launch.End(e.p, closeGrace)
}

func (e *Elsewhere) elsewhere() error {
	return fmt.Errorf("%s is in a program of its own, %s, and does not run in this one", e.name, e.command[0])
}

func (e *Elsewhere) Producer(drivers.Settings, drivers.Env, func(*drivers.Msg, error)) (drivers.Producer, error) {
	return nil, e.elsewhere()
}

func (e *Elsewhere) Consumer(drivers.Settings, drivers.Env, drivers.Handler) (drivers.Consumer, error) {
	return nil, e.elsewhere()
}
