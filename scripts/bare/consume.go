package bare

import (
	"context"
	"errors"
	"fmt"
	"sync"

	client "github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	saramadriver "github.com/kbench/kbench/drivers/sarama"
)

// pollRecords bounds one poll of franz-go, as `handler.revoke: wait` means for
// it: a rebalance waits for the records of a poll.
const pollRecords = 500

func consumeFranzGo(m *meter, j Job) error {
	opts, err := franzgo.Options(j.Settings, j.env(), drivers.Consuming)
	if err != nil {
		return err
	}
	c, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("franz-go: %w", err)
	}
	defer c.CloseAllowingRebalance()
	var n, looked, bytes int64
	var last []*kgo.Record
	for {
		fetches := c.PollRecords(m.ctx, pollRecords)
		if m.ctx.Err() != nil {
			return nil
		}
		last = last[:0]
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if p.Err != nil {
				m.fail(fmt.Errorf("franz-go: partition %d: %w", p.Partition, p.Err))
			}
			if len(p.Records) == 0 {
				return
			}
			for _, r := range p.Records {
				bytes += int64(len(r.Value))
			}
			n += int64(len(p.Records))
			m.parts[p.Partition].Add(int64(len(p.Records)))
			last = append(last, p.Records[len(p.Records)-1])
		})
		c.MarkCommitRecords(last...)
		c.AllowRebalance()
		if n-looked >= clockEvery {
			looked = n
			if m.over() {
				return checkBytes(n, bytes, j)
			}
		}
	}
}

// checkBytes uses what the loop read of each record, so that reading it cannot be
// left out.
func checkBytes(n, bytes int64, j Job) error {
	if bytes != n*int64(j.Size) {
		return fmt.Errorf("%d records hold %d bytes, not %d each: the topic is not the one that was filled", n, bytes, j.Size)
	}
	return nil
}

func consumeSarama(m *meter, j Job) error {
	config, err := saramadriver.Config(j.Settings, j.env(), drivers.Consuming)
	if err != nil {
		return err
	}
	g, err := client.NewConsumerGroup(j.Seeds, j.Settings.GroupID, config)
	if err != nil {
		return fmt.Errorf("sarama: %w", err)
	}
	var errs sync.WaitGroup
	errs.Go(func() {
		for err := range g.Errors() {
			m.fail(fmt.Errorf("sarama: %w", err))
		}
	})
	for m.ctx.Err() == nil && (err == nil || j.Lasting) {
		err = g.Consume(m.ctx, []string{j.Topic}, &claims{m: m, j: j})
	}
	if errors.Is(err, context.Canceled) || j.Lasting {
		err = nil
	}
	err = errors.Join(err, g.Close())
	errs.Wait()
	return err
}

// claims is sarama's handler: one goroutine per partition, which share nothing.
type claims struct {
	m *meter
	j Job
}

func (*claims) Setup(client.ConsumerGroupSession) error   { return nil }
func (*claims) Cleanup(client.ConsumerGroupSession) error { return nil }

func (c *claims) ConsumeClaim(s client.ConsumerGroupSession, claim client.ConsumerGroupClaim) error {
	var n, bytes int64
	next := c.j.MarkEvery
	seen := &c.m.parts[claim.Partition()]
	for r := range claim.Messages() { // closed when the session ends
		bytes += int64(len(r.Value))
		n++
		if n == next {
			next += c.j.MarkEvery
			s.MarkMessage(r, "")
			seen.Add(c.j.MarkEvery)
			if n%clockEvery == 0 && c.m.over() {
				break
			}
		}
	}
	return checkBytes(n, bytes, c.j)
}

func consumeKafkaGo(m *meter, j Job) error {
	config, err := kafkago.ReaderConfig(j.Settings, j.env())
	if err != nil {
		return err
	}
	c := kafka.NewReader(config)
	var n, bytes int64
	next := j.MarkEvery
	for {
		r, err := c.FetchMessage(m.ctx)
		if m.ctx.Err() != nil {
			return c.Close()
		}
		if err != nil && j.Lasting {
			continue // the reader dials again
		}
		if err != nil {
			return errors.Join(fmt.Errorf("kafka-go: fetch: %w", err), c.Close())
		}
		bytes += int64(len(r.Value))
		n++
		if n == next {
			next += j.MarkEvery
			// Those since the last mark count for its partition.
			m.parts[r.Partition].Add(j.MarkEvery)
			if err := c.CommitMessages(m.ctx, r); err != nil && m.ctx.Err() == nil {
				return errors.Join(fmt.Errorf("kafka-go: mark: %w", err), c.Close())
			}
			if n%clockEvery == 0 && m.over() {
				return errors.Join(checkBytes(n, bytes, j), c.Close())
			}
		}
	}
}
