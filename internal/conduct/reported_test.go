package conduct_test

import (
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results"
)

// TestReportedErrors has a broker refuse members what they fetch for a while, by an
// error that each client tells its user of: it is counted by its kind, and the first is
// shown in the client's words. Where nothing is refused nothing is counted.
func TestReportedErrors(t *testing.T) {
	onEmbedded(t)
	f := func(client, kind, words string) {
		for name, times := range map[string]int64{"refused": 3, "quiet": 0} {
			t.Run(client+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := ownBroker(t, 1)
				refused := refuseFetches(t, c, times)
				o, topic := attachedTo(t, c, short("reported"), client)
				got, err := run(t, bounded(t), o)
				if err != nil {
					t.Fatal(err)
				}
				got.wantFigures(t, 1) // the client goes on, and nothing is lost by it
				kinds := got.kindsOfErrors()
				said, want := got.warned(results.ClientErrors), map[string]float64{"": 0}
				if times > 0 {
					// A client that is closed keeps to itself what it was refused last. On a busy
					// machine kafka-go was once seen to, of three.
					n, most := kinds[""], float64(refused.Load())
					if n != most && (client != "kafka-go" || n < 1 || n > most) {
						t.Errorf("%v errors were counted, of %v that were refused", n, most)
					}
					want = map[string]float64{"": n, kind: n}
					wantWords(t, said, fmt.Sprintf("the client reported %v errors, the first ", n), strings.ReplaceAll(words, "<topic>", topic))
				} else if said != "" {
					t.Errorf("nothing was refused, and it is said: %s", said)
				}
				if !maps.Equal(kinds, want) {
					t.Errorf("counted %v, want %v", kinds, want)
				}
			})
		}
	}
	const franzgo = "TOPIC_AUTHORIZATION_FAILED: Not authorized to access topics: [Topic authorization failed.]"
	f("franz-go", franzgo, franzgo)
	f("sarama", "kafka: error while consuming topic/#: kafka server: The client is not authorized to access this topic", "kafka: error while consuming <topic>/")
	const kafkago = "Topic Authorization Failed: the client is not authorized to access the requested topic"
	f("kafka-go", "[#] "+kafkago, "[29] "+kafkago)
}

// kindsOfErrors are the errors that a client reported, by kind.
func (o *outcome) kindsOfErrors() map[string]float64 {
	kinds := map[string]float64{}
	for _, r := range o.summary.Rows {
		if r.Metric == results.ClientErrors {
			kinds[r.Class] = r.Value
		}
	}
	return kinds
}

// refuseFetches has a broker answer so many Fetch requests in the midst of a run with an
// error for all that they ask for, and counts the partitions that it refused.
func refuseFetches(t *testing.T, c *kfake.Cluster, times int64) (refused *atomic.Int64) {
	const midst = 1 // record; how many requests there are, and how many records in each, is the machine's doing
	var produced, n atomic.Int64
	refused = new(atomic.Int64)
	onProduce(c, func(p *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
		produced.Add(recordsIn(t, p))
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := r.(*kmsg.FetchRequest)
		req.SessionID, req.SessionEpoch = 0, -1 // in a session, later requests name only what has changed
		if len(req.Topics) == 0 || produced.Load() < midst || n.Add(1) > times {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range req.Topics {
			rt := kmsg.NewFetchResponseTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				rp := kmsg.NewFetchResponseTopicPartition()
				rp.Partition, rp.ErrorCode, rp.HighWatermark = p.Partition, kerr.TopicAuthorizationFailed.Code, -1
				rt.Partitions = append(rt.Partitions, rp)
				refused.Add(1)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	return refused
}
