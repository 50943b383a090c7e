package cluster

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// This file is what is done to single nodes of Apache Kafka.

// goodOrder is how long a node may take to hand over what it leads and to end. It takes
// a second or two; without a quorum of controllers it never ends.
const goodOrder = time.Minute

func (k *kafkaNodes) pids() (all []int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.nodes {
		all = append(all, n.PID())
	}
	return all
}

// obey does it. A node that was ended keeps its place, and its process is there to be
// asked about, until another takes it.
func (k *kafkaNodes) obey(o order) error {
	id, do := o.Node, o.Do
	i := int(id) - 1
	k.mu.Lock()
	if i < 0 || i >= len(k.nodes) {
		k.mu.Unlock()
		return fmt.Errorf("there is no node %d; they are numbered from 1 to %d", id, len(k.nodes))
	}
	node := k.nodes[i]
	k.mu.Unlock()
	switch do {
	case Kill:
		return node.finish(syscall.SIGKILL)
	case Terminate:
		return node.finish(syscall.SIGTERM)
	case Stop:
		return node.Signal(context.Background(), syscall.SIGSTOP)
	case Continue:
		return node.Signal(context.Background(), syscall.SIGCONT)
	case StartNode:
		return k.restart(i, node)
	default:
		return fmt.Errorf("Apache Kafka is not told to %s in this way", do)
	}
}

// restart starts a node in the place, and in the directory, of one that has ended.
func (k *kafkaNodes) restart(i int, was *jvm) error {
	select {
	case <-was.Done():
		<-was.copy // its log is the next one's too
	default:
		return fmt.Errorf("node %d (pid %d) is running", was.id, was.PID())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return fmt.Errorf("the cluster is being ended")
	}
	node, err := k.again(i)
	if err != nil {
		return err
	}
	k.nodes[i] = node
	go node.watch(k.dead)
	return nil
}

// finish ends a node and returns when it has ended.
func (j *jvm) finish(sig syscall.Signal) error {
	j.want()
	if err := j.Signal(context.Background(), sig); err != nil {
		return err
	}
	late := time.NewTimer(goodOrder)
	defer late.Stop()
	select {
	case <-j.Done():
		return nil
	case <-late.C:
		return fmt.Errorf("node %d (pid %d) was sent %s and had not ended after %s: %s", j.id, j.PID(), sig, goodOrder, j.lastWords())
	}
}
