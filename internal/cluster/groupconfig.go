package cluster

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConfigureGroup sets heartbeat and session of a KIP-848 group, which the broker
// decides and no client can. It must come before the group's first member. Apache
// Kafka has these settings per group; the embedded broker has them for all
// groups alike, which comes to the same as one group runs at a time.
func (c *Cluster) ConfigureGroup(ctx context.Context, group string, heartbeat, session time.Duration) error {
	kind, name, prefix := kmsg.ConfigResourceTypeGroupConfig, group, "consumer."
	if c.info.Kind == Embedded {
		kind, name, prefix = kmsg.ConfigResourceTypeBroker, "", "group.consumer."
	}
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	for key, d := range map[string]time.Duration{"heartbeat.interval.ms": heartbeat, "session.timeout.ms": session} {
		s := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		s.Name, s.Value = prefix+key, kmsg.StringPtr(strconv.FormatInt(d.Milliseconds(), 10))
		r.Configs = append(r.Configs, s)
	}
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(ctx, c.internal.raw)
	if err != nil {
		return fmt.Errorf("set heartbeat and session of group %s: %w", group, err)
	}
	for _, r := range resp.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			why := ""
			if r.ErrorMessage != nil {
				why = ": " + *r.ErrorMessage
			}
			return fmt.Errorf("set heartbeat %s and session %s of group %s: %w%s; the broker's group.consumer.min.* and max.* bound them", heartbeat, session, group, err, why)
		}
	}
	return nil
}
