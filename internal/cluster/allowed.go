package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// This file is what a cluster does not let us do. Asking again does not help there:
// it is told at once, with what would.

// Denied is an error of a cluster that refuses us something by its rules.
type Denied struct {
	err    error
	remedy string
}

func (d *Denied) Error() string { return d.err.Error() + "; " + d.remedy }
func (d *Denied) Unwrap() error { return d.err }

// denied adds to an error of authorization what would help; others stay as they are.
func (c *Cluster) denied(err error) error {
	already := (*Denied)(nil)
	switch {
	case err == nil || errors.As(err, &already):
		return err
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return &Denied{err, "allow " + c.principal() + " the operations Read, Describe and Delete on groups that start with " + Prefix + c.example("group", "Read", "Describe", "Delete")}
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return &Denied{err, "allow " + c.principal() + " the operations Create, Describe, Read, Write and Delete on topics that start with " + Prefix + c.example("topic", "Create", "Describe", "Read", "Write", "Delete")}
	default:
		return err
	}
}

// principal is who we are to the cluster.
func (c *Cluster) principal() string {
	if c.access.SASL != nil {
		return "User:" + c.access.SASL.User
	}
	return "the principal of kbench"
}

// example is the command that allows it, as Apache Kafka has it.
func (c *Cluster) example(resource string, operations ...string) string {
	if c.access.SASL == nil {
		return ""
	}
	return fmt.Sprintf(" (kafka-acls.sh --add --allow-principal %s --operation %s --%s %s --resource-pattern-type prefixed)",
		c.principal(), strings.Join(operations, " --operation "), resource, Prefix)
}

// Allowed is an error where the cluster does not let us write and read the topics, or
// join the group, if one is named. Clients ask that again and again, and it takes them a
// while to say so.
func (c *Cluster) Allowed(ctx context.Context, topics []string, group string) error {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.internal.raw)
	if err != nil {
		return fmt.Errorf("what is allowed on the topics: %w", err)
	}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return c.denied(fmt.Errorf("topic %s: %w", deref(t.Topic), err))
		}
		if missing := missingOf(t.AuthorizedOperations); len(missing) > 0 {
			return c.denied(fmt.Errorf("topic %s: %w: %s is not allowed", deref(t.Topic), kerr.TopicAuthorizationFailed, strings.Join(missing, ", ")))
		}
	}
	if group == "" {
		return nil
	}
	// A heartbeat of nobody changes nothing and needs what it takes to join.
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Group, beat.Generation, beat.MemberID = group, -1, "nobody"
	answer, err := beat.RequestWith(ctx, c.internal.raw)
	if err == nil && answer.ErrorCode == kerr.GroupAuthorizationFailed.Code {
		err = kerr.GroupAuthorizationFailed
	}
	if err != nil {
		return c.denied(fmt.Errorf("group %s: %w", group, err))
	}
	return nil
}

// missingOf names what of the operations on a topic we lack. A cluster that has no rules,
// or is too old to tell, lets us try.
func missingOf(allowed int32) (missing []string) {
	const notTold = -1 << 31
	if allowed == notTold {
		return nil
	}
	for _, op := range []kmsg.ACLOperation{kmsg.ACLOperationDescribe, kmsg.ACLOperationRead, kmsg.ACLOperationWrite} {
		if allowed&(1<<op) == 0 {
			missing = append(missing, op.String())
		}
	}
	return missing
}
