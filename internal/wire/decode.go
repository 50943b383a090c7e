package wire

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
)

// errNothing says that a frame was read and holds nothing to be reported.
var errNothing = errors.New("nothing to report")

// decodeRequest fills e from a request.
func decodeRequest(e *record.Event, k *kept) (err error) {
	defer recovered(&err)
	req, err := k.message()
	if err != nil {
		return err
	}
	c := cursor{b: k.payload, at: requestHeader}
	c.skip(int(c.int16())) // client id, never compact
	if err := c.body(req); err != nil {
		return err
	}
	e.K = record.EvRequest
	return fillRequest(e, req)
}

// decodeResponse fills e from a response.
func decodeResponse(e *record.Event, k *kept) (err error) {
	defer recovered(&err)
	req, err := k.message()
	if err != nil {
		return err
	}
	resp := req.ResponseKind()
	c := cursor{b: k.payload, at: responseHeader}
	if err := c.body(resp); err != nil {
		return err
	}
	e.K = record.EvResponse
	return fillResponse(e, resp)
}

// message is the request of a frame, or the one that it answers, without content.
func (k *kept) message() (kmsg.Request, error) {
	req := kmsg.RequestForKey(k.api)
	if req == nil || k.version < 0 || k.version > req.MaxVersion() {
		return nil, fmt.Errorf("API %d has no version %d", k.api, k.version)
	}
	req.SetVersion(k.version)
	return req, nil
}

// body reads what follows the header, of which the tags are left.
func (c *cursor) body(into interface {
	IsFlexible() bool
	ReadFrom([]byte) error
}) error {
	if into.IsFlexible() {
		c.tags()
	}
	if c.short() {
		return errors.New("frame ends before its header does")
	}
	return into.ReadFrom(c.b[c.at:])
}

// recovered turns a panic of the decoder into an error: the frames come from
// the network, and the client must not notice that someone reads along.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("frame cannot be decoded: %v", r)
	}
}

func fillRequest(e *record.Event, req kmsg.Request) error {
	switch r := req.(type) {
	case *kmsg.JoinGroupRequest:
		e.Group, e.Member, e.Instance, e.Reason = r.Group, r.MemberID, text(r.InstanceID), text(r.Reason)
		e.SessionMs = r.SessionTimeoutMillis
		if r.Version >= 1 {
			e.RebalanceMs = r.RebalanceTimeoutMillis
		}
		for i := range r.Protocols {
			e.Protocols = append(e.Protocols, r.Protocols[i].Name)
		}
		if len(r.Protocols) > 0 {
			e.Topics = subscribed(r.Protocols[0].Metadata)
		}
	case *kmsg.SyncGroupRequest:
		e.Group, e.Member, e.Instance = r.Group, r.MemberID, text(r.InstanceID)
		e.Generation, e.Protocol = r.Generation, text(r.Protocol)
	case *kmsg.HeartbeatRequest:
		e.Group, e.Member, e.Instance = r.Group, r.MemberID, text(r.InstanceID)
		e.Generation = r.Generation
	case *kmsg.LeaveGroupRequest:
		e.Group, e.Member = r.Group, r.MemberID
		if len(r.Members) > 0 { // clients leave for themselves alone
			m := &r.Members[0]
			e.Member, e.Instance, e.Reason = m.MemberID, text(m.InstanceID), text(m.Reason)
		}
	case *kmsg.OffsetCommitRequest:
		e.Group, e.Member, e.Instance = r.Group, r.MemberID, text(r.InstanceID)
		e.Generation = r.Generation
		for i := range r.Topics {
			t := &r.Topics[i]
			for j := range t.Partitions {
				e.Parts = append(e.Parts, part(t.Topic, t.TopicID, t.Partitions[j].Partition))
				e.Offsets = append(e.Offsets, t.Partitions[j].Offset)
			}
		}
	case *kmsg.OffsetFetchRequest:
		fillOffsetFetch(e, r)
	case *kmsg.FindCoordinatorRequest:
		const ofGroup = 0
		if r.CoordinatorType == ofGroup {
			e.Group = r.CoordinatorKey
			if len(r.CoordinatorKeys) > 0 {
				e.Group = r.CoordinatorKeys[0]
			}
		}
	case *kmsg.ConsumerGroupHeartbeatRequest:
		e.Group, e.Member, e.Instance = r.Group, r.MemberID, text(r.InstanceID)
		e.Generation, e.RebalanceMs = r.MemberEpoch, r.RebalanceTimeoutMillis
		if r.ServerAssignor != nil {
			e.Protocols = []string{*r.ServerAssignor}
		}
		for i := range r.Topics {
			e.Parts = parts(e.Parts, "", r.Topics[i].TopicID, r.Topics[i].Partitions)
		}
		e.Empty = r.Topics != nil && len(e.Parts) == 0
		e.Topics = sorted(r.SubscribedTopicNames)
	case *kmsg.FetchRequest:
		if r.SessionID != 0 && r.SessionEpoch == -1 {
			return errNothing // it ends a fetch session: its limits are nobody's settings
		}
		fillFetch(e, r)
	case *kmsg.ProduceRequest:
		return fillProduce(e, r)
	default:
		return fmt.Errorf("request %d is not one to be reported", req.Key())
	}
	return nil
}

// fillOffsetFetch takes the first group of a request that may name several;
// clients ask for their own alone.
func fillOffsetFetch(e *record.Event, r *kmsg.OffsetFetchRequest) {
	e.Group = r.Group
	for i := range r.Topics {
		e.Parts = parts(e.Parts, r.Topics[i].Topic, [16]byte{}, r.Topics[i].Partitions)
	}
	if len(r.Groups) == 0 {
		return
	}
	g := &r.Groups[0]
	e.Group, e.Member = g.Group, text(g.MemberID)
	if r.Version >= 9 {
		e.Generation = g.MemberEpoch
	}
	for i := range g.Topics {
		e.Parts = parts(e.Parts, g.Topics[i].Topic, g.Topics[i].TopicID, g.Topics[i].Partitions)
	}
}

func fillFetch(e *record.Event, r *kmsg.FetchRequest) {
	e.K = record.EvFetch
	// Copies, so that an event does not hold the whole request.
	wait, least, isolation := r.MaxWaitMillis, r.MinBytes, r.IsolationLevel
	e.MaxWaitMs, e.MinBytes, e.Isolation = &wait, &least, &isolation
	if r.Version >= 3 {
		e.MaxBytes = r.MaxBytes
	}
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			e.PartitionMaxBytes = max(e.PartitionMaxBytes, r.Topics[i].Partitions[j].PartitionMaxBytes)
		}
	}
}

func fillProduce(e *record.Event, r *kmsg.ProduceRequest) error {
	e.K = record.EvProduce
	acks := r.Acks
	e.Acks, e.TimeoutMs = &acks, r.TimeoutMillis
	for i := range r.Topics {
		t := &r.Topics[i]
		for j := range t.Partitions {
			p := part(t.Topic, t.TopicID, t.Partitions[j].Partition)
			var err error
			if e.Batches, err = batches(e.Batches, p, t.Partitions[j].Records); err != nil {
				return err
			}
		}
	}
	return nil
}

func fillResponse(e *record.Event, resp kmsg.Response) error {
	switch r := resp.(type) {
	case *kmsg.JoinGroupResponse:
		e.Err, e.Generation, e.Member, e.Protocol = r.ErrorCode, r.Generation, r.MemberID, text(r.Protocol)
	case *kmsg.SyncGroupResponse:
		e.Err, e.Protocol = r.ErrorCode, text(r.Protocol)
		return fillAssignment(e, r.MemberAssignment)
	case *kmsg.HeartbeatResponse:
		e.Err = r.ErrorCode
	case *kmsg.LeaveGroupResponse:
		e.Err = r.ErrorCode
		for i := range r.Members {
			e.Err = cmp.Or(e.Err, r.Members[i].ErrorCode)
		}
	case *kmsg.OffsetCommitResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				e.Err = cmp.Or(e.Err, r.Topics[i].Partitions[j].ErrorCode)
			}
		}
	case *kmsg.OffsetFetchResponse:
		fillOffsets(e, r)
	case *kmsg.FindCoordinatorResponse:
		e.Err = r.ErrorCode
		for i := range r.Coordinators {
			e.Err = cmp.Or(e.Err, r.Coordinators[i].ErrorCode)
		}
	case *kmsg.ConsumerGroupHeartbeatResponse:
		e.Err, e.Member, e.Generation = r.ErrorCode, text(r.MemberID), r.MemberEpoch
		if r.Assignment != nil {
			for i := range r.Assignment.Topics {
				t := &r.Assignment.Topics[i]
				e.Parts = parts(e.Parts, "", t.TopicID, t.Partitions)
			}
			e.Empty = len(e.Parts) == 0
		}
	case *kmsg.MetadataResponse:
		e.K = record.EvTopics
		for i := range r.Topics {
			if t := &r.Topics[i]; t.ErrorCode == 0 && len(t.Partitions) > 0 {
				e.Counts = append(e.Counts, record.TopicCount{Topic: part(text(t.Topic), t.TopicID, 0).Topic, Partitions: len(t.Partitions)})
			}
		}
	default:
		return fmt.Errorf("response %d is not one to be reported", resp.Key())
	}
	return nil
}

// fillAssignment takes the partitions of a member; it is empty where the leader
// gave none, and in an error.
func fillAssignment(e *record.Event, assignment []byte) error {
	if len(assignment) == 0 {
		return nil
	}
	var a kmsg.ConsumerMemberAssignment
	if err := a.ReadFrom(assignment); err != nil {
		return fmt.Errorf("assignment: %w", err)
	}
	for i := range a.Topics {
		e.Parts = parts(e.Parts, a.Topics[i].Topic, [16]byte{}, a.Topics[i].Partitions)
	}
	return nil
}

// subscribed are the topics in the metadata of a member, which begin with a version and
// their number; what follows them differs between clients and is not looked at.
func subscribed(metadata []byte) []string {
	c := cursor{b: metadata}
	c.int16()
	var topics []string
	for n := c.int32(); n > 0 && !c.short(); n-- {
		length := max(int(c.int16()), 0)
		from := c.at
		if c.skip(length); c.short() {
			return nil
		}
		topics = append(topics, string(metadata[from:c.at]))
	}
	return sorted(topics)
}

// sorted is a list in order, whatever order its sender has it in.
func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// fillOffsets takes the first error of an OffsetFetch, from version 8 on of any of
// its groups.
func fillOffsets(e *record.Event, r *kmsg.OffsetFetchResponse) {
	e.Err = r.ErrorCode
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			e.Err = cmp.Or(e.Err, r.Topics[i].Partitions[j].ErrorCode)
		}
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		e.Group, e.Err = g.Group, cmp.Or(e.Err, g.ErrorCode)
		for j := range g.Topics {
			for k := range g.Topics[j].Partitions {
				e.Err = cmp.Or(e.Err, g.Topics[j].Partitions[k].ErrorCode)
			}
		}
	}
}

// batches adds the record batches of a partition. Only their headers are read.
func batches(to []record.Batch, p drivers.TopicPartition, records []byte) ([]record.Batch, error) {
	for len(records) > 0 {
		if len(records) < batchHeader {
			return to, errors.New("record batch ends in its header")
		}
		size, count, codec, ok := readHeader(records)
		if !ok || size > len(records) {
			return to, fmt.Errorf("record batch of %d records and %d bytes, of %d", count, size, len(records))
		}
		to = append(to, record.Batch{
			Topic: p.Topic, Partition: p.Partition,
			Records: count, Bytes: int32(size), Codec: codecName(codec),
		})
		records = records[size:]
	}
	return to, nil
}

// codecName names the compression in the attributes of a batch.
func codecName(number uint16) string {
	switch number {
	case 0:
		return "none"
	case 1:
		return "gzip"
	case 2:
		return "snappy"
	case 3:
		return "lz4"
	case 4:
		return "zstd"
	}
	return strconv.Itoa(int(number))
}

// text is the string that may be null.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// part names a partition of a topic, which newer versions give by id only. An
// id is written as Kafka's own tools write it.
func part(topic string, id [16]byte, partition int32) drivers.TopicPartition {
	if topic == "" {
		topic = base64.RawURLEncoding.EncodeToString(id[:])
	}
	return drivers.TopicPartition{Topic: topic, Partition: partition}
}

// parts adds partitions of a topic.
func parts(to []drivers.TopicPartition, topic string, id [16]byte, partitions []int32) []drivers.TopicPartition {
	for _, p := range partitions {
		to = append(to, part(topic, id, p))
	}
	return to
}
