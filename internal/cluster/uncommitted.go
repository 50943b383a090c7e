package cluster

import (
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// answerUncommitted has the simulation answer OffsetFetch, in the versions 6 and 7, as
// Apache Kafka does: the metadata of a partition without a committed offset are empty.
// The simulation has null there, which some releases of sarama cannot read, v1.42.1 and
// v1.46.1 among them: they find the answer malformed and begin their session anew, for
// ever.
//
// A node that is to answer them with an error does so by itself.
func answerUncommitted(c *kfake.Cluster, injected *injections) {
	c.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		r := req.(*kmsg.OffsetFetchRequest)
		if r.Version != 6 && r.Version != 7 || len(r.Topics) == 0 {
			return nil, nil, false
		}
		node := c.CurrentNode()
		if injected.refuses(r.Key(), node) {
			return nil, nil, false
		}
		var group *kfake.GroupInfo
		var coordinator int32
		c.SleepControl(func() { group, coordinator = c.GroupInfo(r.Group), c.CoordinatorFor(r.Group) })
		if group == nil || coordinator != node {
			return nil, nil, false // it has an error for that
		}
		injected.hold(c, r.Key(), node)
		return committed(r, group.Commits), nil, true
	})
}

// committed answers what a group has committed.
func committed(r *kmsg.OffsetFetchRequest, commits map[string]map[int32]kfake.GroupCommit) *kmsg.OffsetFetchResponse {
	resp := r.ResponseKind().(*kmsg.OffsetFetchResponse)
	for _, asked := range r.Topics {
		t := kmsg.NewOffsetFetchResponseTopic()
		t.Topic = asked.Topic
		for _, number := range asked.Partitions {
			p := kmsg.NewOffsetFetchResponseTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = number, -1, -1, new(string)
			if is, ok := commits[asked.Topic][number]; ok {
				p.Offset, p.LeaderEpoch, p.Metadata = is.Offset, is.LeaderEpoch, &is.Metadata
			}
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}
