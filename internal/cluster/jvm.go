package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/kbench/kbench/internal/launch"
)

// jvm is one node.
type jvm struct {
	launch.Process
	id   int
	log  string // the file of its standard output
	copy chan struct{}

	mu     sync.Mutex
	wanted bool // its end is
}

// startNode starts a node of a cluster whose storage is formatted.
func startNode(ctx context.Context, o Options, dist distribution, l layout, n int) (*jvm, error) {
	log, err := os.OpenFile(l.log(n), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start node %d: %w", l.id(n), err)
	}
	// A node lives as long as this process, not as long as its start.
	p, err := launch.Local{}.Start(context.WithoutCancel(ctx), launch.Spec{
		Path: dist.java,
		Args: []string{"-Xmx" + o.Heap, "-XX:+UseSerialGC", "-Djava.awt.headless=true",
			"-Dlog4j2.configurationFile=" + l.logConfig(), "-cp", filepath.Join(dist.libs, "*"),
			"kafka.Kafka", l.properties(n)},
		Dir:    l.dir,
		Stderr: log,
	})
	if err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("start node %d: %w", l.id(n), err)
	}
	node := &jvm{Process: p, id: l.id(n), log: l.log(n), copy: make(chan struct{})}
	go func() {
		defer close(node.copy)
		_, _ = io.Copy(log, p.Stdout()) // a log that cannot be written must not stop the node
		p.Wait()
		_ = log.Close()
	}()
	return node, nil
}

// watch reports the end of a node, unless it is wanted.
func (j *jvm) watch(dead chan<- error) {
	exit := j.Wait()
	<-j.copy
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.wanted {
		return
	}
	dead <- fmt.Errorf("node %d (pid %d) of Apache Kafka %s: %s", j.id, j.PID(), exit, j.lastWords())
}

// mostOfLog is how much of a node's log is looked at, from its end: one that has run for
// long may have written very much.
const mostOfLog = 1 << 20

// lostPort says that the node did not get its port. It stands in the log long
// before the node has given up and ended.
func (j *jvm) lostPort() bool {
	text, err := launch.Tail(j.log, mostOfLog)
	return err == nil && strings.Contains(string(text), "Address already in use")
}

// lastWords is the end of the node's log.
func (j *jvm) lastWords() string {
	text, err := launch.Tail(j.log, mostOfLog)
	if err != nil || len(text) == 0 {
		return "its log is empty"
	}
	return "the end of its log: " + lastLines(string(text), 5)
}

// end kills a node that may have ended already.
func (j *jvm) end() {
	j.want()
	_ = j.Signal(context.Background(), syscall.SIGKILL)
}

// want says that its end is wanted.
func (j *jvm) want() {
	j.mu.Lock()
	j.wanted = true
	j.mu.Unlock()
}
