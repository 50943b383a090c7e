// Package solo is a program with one driver in it and nothing else of kbench but the
// worker: no broker, no harness's own client, no command line for people. It is what a
// client at another version is built into (package build), so that nothing but its own
// adapter has to compile against that version.
package solo

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/worker"
)

// source says where the client comes from, where that is a directory: the build sets it.
var source string

// Main runs the program and exits. Its arguments are the name that the client goes by,
// such as sarama@v1.60.1, and what to do.
func Main(d drivers.Driver) {
	if len(os.Args) != 3 {
		fmt.Fprintf(os.Stderr, "this is a worker of kbench for %s; kbench starts it\n", d.Name())
		os.Exit(2)
	}
	signal.Ignore(os.Interrupt, syscall.SIGHUP) // it ends when its input does
	var err error
	switch name, do := os.Args[1], os.Args[2]; do {
	case arm.DoAnswer:
		err = arm.Answer(d, source, os.Stdin, os.Stdout)
	case arm.DoWork:
		err = worker.Main(context.Background(), []drivers.Driver{called{d, name}}, nil, os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("unknown command %q", do)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// called is the driver under the name of its arm.
type called struct {
	drivers.Driver
	name string
}

func (c called) Name() string { return c.name }
