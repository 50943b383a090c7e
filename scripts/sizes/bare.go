package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	saramadriver "github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/results/record"
)

// bareJob is the one line that a bare process reads.
type bareJob struct {
	Client     string // empty: produce
	Settings   drivers.Settings
	Seeds      []string
	Topic      string
	Partitions int
	Size       int
	Rate       float64 // of all partitions together
}

// bareReport is a line that it writes about once a second.
type bareReport struct {
	reading
	Partitions int `json:"partitions"` // that delivered since the line before
}

// bareMain is a bare process: the least that an honest program does with a
// client. It ends when its input does.
func bareMain(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	var j bareJob
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		cancel()
	}()
	work := map[string]func(context.Context, *counts, bareJob) error{
		"": produceAt, franzGo: readFranzGo, sarama: readSarama, kafkaGo: readKafkaGo,
	}[j.Client]
	if work == nil {
		return fmt.Errorf("no bare loop for %q", j.Client)
	}
	c := &counts{parts: make([]atomic.Int64, j.Partitions)}
	var reports sync.WaitGroup
	reports.Go(func() { c.report(ctx, out) })
	err = work(ctx, c, j)
	cancel()
	reports.Wait()
	return err
}

func (j bareJob) env() drivers.Env {
	return drivers.Env{Seeds: j.Seeds, Dial: new(net.Dialer).DialContext}
}

// counts are the records of each partition.
type counts struct{ parts []atomic.Int64 }

func (c *counts) report(ctx context.Context, out io.Writer) {
	enc := json.NewEncoder(out)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := make([]int64, len(c.parts))
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r := bareReport{reading: reading{T: record.Now(), Runtime: record.SampleRuntime()}}
		for i := range c.parts {
			n := c.parts[i].Load()
			if n > before[i] {
				r.Partitions++
			}
			before[i] = n
			r.Records += n
		}
		if enc.Encode(r) != nil {
			return // nobody reads any more; the end of the input tells the loop
		}
	}
}

func readFranzGo(ctx context.Context, c *counts, j bareJob) error {
	opts, err := franzgo.ConsumerOptions(j.Settings, j.env())
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("franz-go: %w", err)
	}
	defer cl.CloseAllowingRebalance()
	var last []*kgo.Record
	for {
		fetches := cl.PollRecords(ctx, 500)
		if ctx.Err() != nil {
			return nil
		}
		last = last[:0]
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) == 0 {
				return
			}
			c.parts[p.Partition].Add(int64(len(p.Records)))
			last = append(last, p.Records[len(p.Records)-1])
		})
		cl.MarkCommitRecords(last...)
		cl.AllowRebalance()
	}
}

func readSarama(ctx context.Context, c *counts, j bareJob) error {
	config, err := saramadriver.ConsumerConfig(j.Settings, j.env())
	if err != nil {
		return err
	}
	g, err := client.NewConsumerGroup(j.Seeds, j.Settings.GroupID, config)
	if err != nil {
		return fmt.Errorf("sarama: %w", err)
	}
	var errs sync.WaitGroup
	errs.Go(func() {
		for range g.Errors() { // a group under way has passing ones
		}
	})
	for ctx.Err() == nil {
		if err := g.Consume(ctx, []string{j.Topic}, claims{c}); errors.Is(err, client.ErrClosedConsumerGroup) {
			break
		}
	}
	err = g.Close()
	errs.Wait()
	return err
}

// claims is sarama's handler.
type claims struct{ c *counts }

func (claims) Setup(client.ConsumerGroupSession) error   { return nil }
func (claims) Cleanup(client.ConsumerGroupSession) error { return nil }

func (h claims) ConsumeClaim(s client.ConsumerGroupSession, claim client.ConsumerGroupClaim) error {
	for r := range claim.Messages() { // closed when the session ends
		h.c.parts[r.Partition].Add(1)
		s.MarkMessage(r, "")
	}
	return nil
}

func readKafkaGo(ctx context.Context, c *counts, j bareJob) error {
	config, err := kafkago.ReaderConfig(j.Settings, j.env())
	if err != nil {
		return err
	}
	r := kafka.NewReader(config)
	for {
		m, err := r.FetchMessage(ctx)
		if ctx.Err() != nil {
			return r.Close()
		}
		if err != nil {
			continue // a passing error; the reader dials again
		}
		c.parts[m.Partition].Add(1)
		if err := r.CommitMessages(ctx, m); err != nil && ctx.Err() == nil {
			return errors.Join(fmt.Errorf("kafka-go: mark: %w", err), r.Close())
		}
	}
}

// produceAt sends records at the rate, one partition after the other.
func produceAt(ctx context.Context, c *counts, j bareJob) error {
	opts, err := franzgo.ProducerOptions(j.Settings, j.env())
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("franz-go: %w", err)
	}
	defer cl.Close()
	failed := make(chan error, 1)
	acked := func(r *kgo.Record, err error) {
		if err == nil {
			c.parts[r.Partition].Add(1)
			return
		}
		select {
		case failed <- fmt.Errorf("produce: %w", err):
		default:
		}
	}
	value := make([]byte, j.Size)
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for sent := int64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-tick.C:
		}
		for due := int64(time.Since(began).Seconds() * j.Rate); sent < due; sent++ {
			cl.Produce(context.Background(), &kgo.Record{Topic: j.Topic, Partition: int32(sent % int64(j.Partitions)), Value: value}, acked)
		}
	}
}
