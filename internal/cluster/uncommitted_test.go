package cluster

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestUncommitted: by OffsetFetch v7 the metadata of a partition without a committed
// offset are empty, and not null; what is committed is answered as it is.
func TestUncommitted(t *testing.T) {
	c := start(t, Options{Kind: Embedded, Nodes: 3})
	old, err := kgo.NewClient(kgo.SeedBrokers(c.Access().Seeds...), kgo.MaxVersions(kversion.V2_5_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.Generation = "g", -1
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic = "t"
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset, rp.Metadata = 1, 42, kmsg.StringPtr("mine")
	rt.Partitions = append(rt.Partitions, rp)
	commit.Topics = append(commit.Topics, rt)
	if _, err := c.CreateTopic(deadline(t), "t", 2, 1); err != nil {
		t.Fatal(err)
	}
	if resp, err := commit.RequestWith(deadline(t), old); err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatal(resp, err)
	}

	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.Group = "g"
	ft := kmsg.NewOffsetFetchRequestTopic()
	ft.Topic, ft.Partitions = "t", []int32{0, 1}
	fetch.Topics = append(fetch.Topics, ft)
	coordinator, err := c.Coordinator(deadline(t), "g")
	if err != nil {
		t.Fatal(err)
	}
	const delay = 300 * time.Millisecond
	late := Injection{ID: 1, Request: "OffsetFetch", Delay: delay}
	refuse := Injection{ID: 2, Request: "OffsetFetch", Error: "NOT_COORDINATOR"}
	if err := errors.Join(c.Inject(deadline(t), coordinator, late), c.Inject(deadline(t), (coordinator+1)%3, refuse)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is not only the first that is answered so, and neither does it matter that it comes later
		began := time.Now()
		resp, err := fetch.RequestWith(deadline(t), old)
		if err != nil || resp.Version != 7 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 2 {
			t.Fatalf("%+v, %v", resp, err)
		}
		if took := time.Since(began); took < delay {
			t.Errorf("it was answered after %s", took)
		}
		for i, want := range []struct {
			offset   int64
			metadata string
		}{{-1, ""}, {42, "mine"}} {
			if p := resp.Topics[0].Partitions[i]; p.Offset != want.offset || p.Metadata == nil || *p.Metadata != want.metadata {
				t.Errorf("partition %d: %+v, want %+v", i, p, want)
			}
		}
	}
	if hits, err := c.Heal(deadline(t), coordinator, late); err != nil || hits != 2 {
		t.Errorf("%d requests had the delay, %v", hits, err)
	}
}
