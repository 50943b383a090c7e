package cluster

import (
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// epochs is where in each partition the leaders began whom acts have put there. Apache
// Kafka notes that when somebody begins to lead; the simulation finds it in the records,
// and until there is one of the new leader it answers that nothing is known of the old
// one's: a client that asks takes all that it has read for lost, and reads it again.
type epochs struct {
	mu     sync.Mutex
	starts map[topicPartition][]epochStart
}

type topicPartition struct {
	topic     string
	partition int32
}

// epochStart is a leader's epoch, and the first offset of it.
type epochStart struct {
	epoch int32
	from  int64
}

// moved notes that a partition has a new leader.
func (e *epochs) moved(c *kfake.Cluster, topic string, partition int32) {
	is := c.PartitionInfo(topic, partition)
	if is == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.starts == nil {
		e.starts = map[topicPartition][]epochStart{}
	}
	of := topicPartition{topic, partition}
	e.starts[of] = append(e.starts[of], epochStart{is.Epoch, is.HighWatermark})
}

// end is the first offset that is of a later epoch.
func (e *epochs) end(topic string, partition, epoch int32) (offset int64, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	starts := e.starts[topicPartition{topic, partition}]
	i := slices.IndexFunc(starts, func(s epochStart) bool { return s.epoch > epoch })
	if i < 0 {
		return 0, false
	}
	return starts[i].from, true
}

// answer has the simulation answer OffsetForLeaderEpoch where all that is asked for is
// known here; the rest, and what is wrong with a request, it answers itself.
func (e *epochs) answer(c *kfake.Cluster, injected *injections) {
	c.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		r := req.(*kmsg.OffsetForLeaderEpochRequest)
		node := c.CurrentNode()
		resp := r.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		if injected.refuses(r.Key(), node) {
			return nil, nil, false
		}
		all := true
		c.SleepControl(func() {
			for _, asked := range r.Topics {
				t := kmsg.NewOffsetForLeaderEpochResponseTopic()
				t.Topic = asked.Topic
				for _, p := range asked.Partitions {
					is := c.PartitionInfo(asked.Topic, p.Partition)
					end, known := e.end(asked.Topic, p.Partition, p.LeaderEpoch)
					if is == nil || is.Leader != node || !known || p.CurrentLeaderEpoch != -1 && p.CurrentLeaderEpoch != is.Epoch {
						all = false
						return
					}
					one := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
					one.Partition, one.LeaderEpoch, one.EndOffset = p.Partition, p.LeaderEpoch, end
					t.Partitions = append(t.Partitions, one)
				}
				resp.Topics = append(resp.Topics, t)
			}
		})
		if !all || len(resp.Topics) == 0 {
			return nil, nil, false
		}
		injected.hold(c, r.Key(), node)
		return resp, nil, true
	})
}
