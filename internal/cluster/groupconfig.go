package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupResource is where a cluster has heartbeat and session of a KIP-848 group,
// and what it calls them. Apache Kafka has these settings per group; the embedded
// broker has them for all groups alike, which comes to the same as one group runs
// at a time.
func (c *Cluster) groupResource(group string) (kind kmsg.ConfigResourceType, name, heartbeat, session string) {
	if c.info.Kind == Embedded {
		return kmsg.ConfigResourceTypeBroker, "", "group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"
	}
	return kmsg.ConfigResourceTypeGroupConfig, group, "consumer.heartbeat.interval.ms", "consumer.session.timeout.ms"
}

// ConfigureGroup sets heartbeat and session of a KIP-848 group, which the broker
// decides and no client can, and reads them back. It must come before the group's
// first member.
func (c *Cluster) ConfigureGroup(ctx context.Context, group string, heartbeat, session time.Duration) error {
	kind, name, hb, sess := c.groupResource(group)
	want := map[string]string{
		hb:   strconv.FormatInt(heartbeat.Milliseconds(), 10),
		sess: strconv.FormatInt(session.Milliseconds(), 10),
	}
	values := make(map[string]*string)
	for key := range want {
		values[key] = kmsg.StringPtr(want[key])
	}
	what := fmt.Sprintf("set heartbeat %s and session %s of group %s", heartbeat, session, group)
	if err := c.mine(group); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := c.alterConfig(ctx, kind, name, values); err != nil {
		return fmt.Errorf("%s: %w; the broker's group.consumer.min.* and max.* bound them", what, err)
	}
	// A broker other than the one that took the change may not know of it yet.
	var got map[string]string
	var last error
	err := poll(ctx, func() bool {
		got, last = c.groupConfig(ctx, group)
		return last == nil && maps.Equal(got, want)
	})
	switch {
	case last != nil:
		return fmt.Errorf("%s: read them back: %w", what, last)
	case err != nil:
		return fmt.Errorf("%s: the broker has %v ms and %v ms: %w", what, got[hb], got[sess], err)
	}
	return nil
}

// GroupTimes are heartbeat and session of a KIP-848 group as every node has them.
// Nodes that differ are an error.
func (c *Cluster) GroupTimes(ctx context.Context, group string) (heartbeat, session time.Duration, err error) {
	got, err := c.groupConfig(ctx, group)
	if err != nil {
		return 0, 0, fmt.Errorf("heartbeat and session of group %s: %w", group, err)
	}
	_, _, hb, sess := c.groupResource(group)
	for _, f := range []struct {
		key string
		dst *time.Duration
	}{{hb, &heartbeat}, {sess, &session}} {
		ms, err := strconv.ParseInt(got[f.key], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("heartbeat and session of group %s: the broker has %s=%q", group, f.key, got[f.key])
		}
		*f.dst = time.Duration(ms) * time.Millisecond
	}
	return heartbeat, session, nil
}

// groupConfig asks every node for heartbeat and session of a group: any of them
// may become its coordinator.
func (c *Cluster) groupConfig(ctx context.Context, group string) (map[string]string, error) {
	kind, name, hb, sess := c.groupResource(group)
	ids, err := c.internal.brokers(ctx)
	if err != nil {
		return nil, err
	}
	var all map[string]string
	for _, id := range ids {
		if kind == kmsg.ConfigResourceTypeBroker {
			name = strconv.Itoa(int(id))
		}
		resources, err := describeConfigs(ctx, c.internal.raw.Broker(int(id)), kind, name, hb, sess)
		if err != nil {
			return nil, err
		}
		got := make(map[string]string)
		for _, r := range resources {
			if err := configError(r.ErrorCode, r.ErrorMessage); err != nil {
				return nil, err
			}
			for _, v := range r.Configs {
				got[v.Name] = deref(v.Value)
			}
		}
		if all != nil && !maps.Equal(all, got) {
			return nil, fmt.Errorf("one node has %v and another %v", all, got)
		}
		all = got
	}
	return all, nil
}

// dropGroupConfig removes what ConfigureGroup set for a group, which outlives the
// group itself. A cluster where it was never set, or that has no such settings,
// is left alone.
func (c *Cluster) dropGroupConfig(ctx context.Context, group string) error {
	kind, name, hb, sess := c.groupResource(group)
	if kind != kmsg.ConfigResourceTypeGroupConfig || c.internal.classicOnly {
		return nil
	}
	resources, err := describeConfigs(ctx, c.internal.raw, kind, name, hb, sess)
	if err != nil {
		return err
	}
	values := make(map[string]*string)
	for _, r := range resources {
		if r.ErrorCode != 0 {
			return nil // who may not read them has not set them
		}
		for _, v := range r.Configs {
			if v.Source == kmsg.ConfigSourceGroupConfig {
				values[v.Name] = nil
			}
		}
	}
	if len(values) == 0 {
		return nil
	}
	return c.alterConfig(ctx, kind, name, values)
}

// describeConfigs asks for some settings of one resource.
func describeConfigs(ctx context.Context, to kmsg.Requestor, kind kmsg.ConfigResourceType, name string, keys ...string) ([]kmsg.DescribeConfigsResponseResource, error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = kind, name, keys
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(ctx, to)
	if err != nil {
		return nil, err
	}
	return resp.Resources, nil
}

// alterConfig sets the values of a resource, and deletes those that are nil.
func (c *Cluster) alterConfig(ctx context.Context, kind kmsg.ConfigResourceType, name string, values map[string]*string) error {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		s.Name, s.Value = key, values[key]
		if s.Value == nil {
			s.Op = kmsg.IncrementalAlterConfigOpDelete
		}
		r.Configs = append(r.Configs, s)
	}
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(ctx, c.internal.raw)
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if err := configError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

// configError is the error of a resource, with what the broker says to it.
func configError(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err != nil && message != nil {
		return fmt.Errorf("%w: %s", err, *message)
	}
	return err
}
