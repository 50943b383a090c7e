package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	kplain "github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/kbench/kbench/results/record"
)

const (
	topic   = "orders"
	group   = "readers"
	records = 200
	limit   = 3 * time.Minute // to fail rather than hang; nothing is decided by it
)

// client produces records and then consumes them in a group, committing, with
// acks of all, zstd, a session of 11 s, a rebalance timeout of 13 s, and the
// range assignor.
type client struct {
	name string
	run  func(ctx context.Context, seeds []string, tap *Tap, user string) error
}

// value is the value of a record. It compresses well even alone: franz-go sends
// a batch uncompressed where compression would make it no smaller.
func value(i int) string { return fmt.Sprint("record ", i, strings.Repeat(" of many", 50)) }

func clients() []client {
	return []client{{"franz-go", runFranz}, {"sarama", runSarama}, {"kafka-go", runKafkaGo}}
}

func runFranz(ctx context.Context, seeds []string, tap *Tap, user string) error {
	opts := []kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.Dialer(tap.Dial), kgo.DisableClientMetrics(),
		kgo.DefaultProduceTopic(topic), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProduceRequestTimeout(7 * time.Second),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()),
	}
	if user != "" {
		opts = append(opts, kgo.SASL(plain.Auth{User: user, Pass: secret}.AsMechanism()))
	}
	p, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer p.Close()
	for i := range records {
		p.Produce(ctx, kgo.StringRecord(value(i)), nil)
	}
	if err := p.Flush(ctx); err != nil {
		return err
	}
	c, err := kgo.NewClient(append(opts,
		kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.Balancers(kgo.RangeBalancer()),
		kgo.SessionTimeout(11*time.Second), kgo.RebalanceTimeout(13*time.Second), kgo.HeartbeatInterval(50*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
		kgo.FetchMaxWait(100*time.Millisecond), kgo.FetchMaxPartitionBytes(1<<19),
	)...)
	if err != nil {
		return err
	}
	defer c.Close()
	for got := 0; got < records; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		got += fetches.NumRecords()
	}
	if err := c.CommitUncommittedOffsets(ctx); err != nil {
		return err
	}
	return c.LeaveGroupContext(ctx)
}

// proxy is how sarama is given a dialer.
type proxy struct{ tap *Tap }

func (p proxy) Dial(network, addr string) (net.Conn, error) {
	return p.tap.Dial(context.Background(), network, addr)
}

func runSarama(ctx context.Context, seeds []string, tap *Tap, user string) error {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_8_0_0
	cfg.Net.Proxy.Enable, cfg.Net.Proxy.Dialer = true, proxy{tap}
	if user != "" {
		cfg.Net.SASL.Enable, cfg.Net.SASL.User, cfg.Net.SASL.Password = true, user, secret
		cfg.Net.SASL.Mechanism = sarama.SASLTypePlaintext
	}
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Timeout = 7 * time.Second
	cfg.Producer.Compression = sarama.CompressionZSTD
	cfg.Producer.Return.Successes = true
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Offsets.AutoCommit.Enable = false
	cfg.Consumer.Group.Session.Timeout = 11 * time.Second
	cfg.Consumer.Group.Rebalance.Timeout = 13 * time.Second
	cfg.Consumer.Group.Heartbeat.Interval = 50 * time.Millisecond
	cfg.Consumer.MaxWaitTime = 100 * time.Millisecond
	cfg.Consumer.Fetch.Default = 1 << 19

	p, err := sarama.NewSyncProducer(seeds, cfg)
	if err != nil {
		return err
	}
	var batch []*sarama.ProducerMessage
	for i := range records {
		batch = append(batch, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value(i))})
	}
	err = errors.Join(p.SendMessages(batch), p.Close())
	if err != nil {
		return err
	}
	g, err := sarama.NewConsumerGroup(seeds, group, cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	h := &saramaHandler{stop: stop}
	err = g.Consume(ctx, []string{topic}, h)
	if got := h.got.Load(); err == nil && got < records {
		err = fmt.Errorf("only %d of %d records came", got, records)
	}
	return errors.Join(err, g.Close())
}

// saramaHandler commits when all records are there, and stops.
type saramaHandler struct {
	got  atomic.Int64
	stop func()
}

func (h *saramaHandler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (h *saramaHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (h *saramaHandler) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		s.MarkMessage(m, "")
		if h.got.Add(1) == records {
			s.Commit()
			h.stop()
		}
	}
	return nil
}

func runKafkaGo(ctx context.Context, seeds []string, tap *Tap, user string) error {
	transport := &kafka.Transport{Dial: tap.Dial}
	dialer := &kafka.Dialer{DialFunc: tap.Dial, Timeout: limit}
	if user != "" {
		mechanism := kplain.Mechanism{Username: user, Password: secret}
		transport.SASL, dialer.SASLMechanism = mechanism, mechanism
	}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(seeds...), Topic: topic, Transport: transport, RequiredAcks: kafka.RequireAll,
		Compression: kafka.Zstd, WriteTimeout: 14 * time.Second, BatchTimeout: time.Millisecond,
	}
	var batch []kafka.Message
	for i := range records {
		batch = append(batch, kafka.Message{Value: []byte(value(i))})
	}
	if err := errors.Join(w.WriteMessages(ctx, batch...), w.Close()); err != nil {
		return err
	}
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: seeds, GroupID: group, Topic: topic, Dialer: dialer, StartOffset: kafka.FirstOffset,
		GroupBalancers: []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		SessionTimeout: 11 * time.Second, RebalanceTimeout: 13 * time.Second, HeartbeatInterval: 50 * time.Millisecond,
		MaxWait: 134 * time.Millisecond, MaxBytes: 1 << 19,
	})
	var last []kafka.Message
	for range records {
		m, err := r.FetchMessage(ctx)
		if err != nil {
			return errors.Join(err, r.Close())
		}
		last = append(last, m)
	}
	return errors.Join(r.CommitMessages(ctx, last...), r.Close())
}

func startCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(2), kfake.SeedTopics(3, topic))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// certificate makes a server certificate for addresses of this host.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: roots}
}

func TestClients(t *testing.T) {
	for _, c := range clients() {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/secure=%t", c.name, secure), func(t *testing.T) {
				var clusterOpts []kfake.Opt
				o := Options{Every: 2, Interval: 10 * time.Millisecond, Now: func() int64 { return time.Now().UnixNano() }}
				user := ""
				if secure {
					server, client := certificate(t)
					user, o.TLS = "user", client
					clusterOpts = append(clusterOpts, kfake.TLS(server), kfake.EnableSASL(), kfake.Superuser("PLAIN", user, secret))
				}
				cluster := startCluster(t, clusterOpts...)
				tap, events := newTap(t, o)
				ctx, cancel := context.WithTimeout(context.Background(), limit)
				defer cancel()
				if err := c.run(ctx, cluster.ListenAddrs(), tap, user); err != nil {
					t.Fatal(err)
				}
				tap.Close()
				checkSettings(t, c.name, events)
				checkExchanges(t, events)
				checkSums(t, tap, events, secure)
				if strings.Contains(toJSON(t, events.of(all()...)), secret) {
					t.Error("the password is in the events")
				}
			})
		}
	}
}

func all() []record.EventKind {
	return []record.EventKind{record.EvRequest, record.EvResponse, record.EvProduce, record.EvFetch, record.EvWire}
}

// checkSettings compares what was seen with what the clients were told. kafka-go
// takes the time that has passed since a call off its timeouts, and asks for a
// few bytes more than its limit.
func checkSettings(t *testing.T, client string, events *log) {
	t.Helper()
	exact := client != "kafka-go"
	is := func(got, want int32) bool { return got == want || !exact && got > 0 && got < want }
	var produced int32
	sampled := events.of(record.EvProduce)
	for _, e := range sampled {
		if *e.Acks != -1 || !is(e.TimeoutMs, 7000) {
			t.Errorf("Produce with acks %d and timeout %d ms, want -1 and 7000", *e.Acks, e.TimeoutMs)
		}
		for _, b := range e.Batches {
			if b.Codec != "zstd" || b.Bytes < 61 || b.Records < 1 || b.Topic == "" {
				t.Errorf("batch %+v, want zstd and a topic", b)
			}
			produced += b.Records
		}
	}
	if len(sampled) == 0 || produced > records {
		t.Errorf("%d records in %d sampled Produce requests of %d", produced, len(sampled), records)
	}
	fetches := events.of(record.EvFetch)
	if len(fetches) == 0 {
		t.Error("no Fetch was sampled")
	}
	for _, e := range fetches {
		if !is(*e.MaxWaitMs, 100) {
			t.Errorf("Fetch with a wait of %d ms, want 100", *e.MaxWaitMs)
		}
		if over := e.PartitionMaxBytes - 1<<19; e.PartitionMaxBytes != 0 && over != 0 && (exact || over < 0 || over > 100) {
			t.Errorf("Fetch with %d bytes per partition, want %d", e.PartitionMaxBytes, 1<<19)
		}
	}
}

// groupLife is what the requests and responses of a group came to.
type groupLife struct {
	seen      map[kmsg.Key]int
	parts     map[int32]bool // that were assigned
	committed int64
}

// checkExchanges follows the group's life in its requests and responses.
func checkExchanges(t *testing.T, events *log) {
	t.Helper()
	type id struct {
		conn int
		corr int32
	}
	open := map[id]record.Event{}
	x := groupLife{map[kmsg.Key]int{}, map[int32]bool{}, 0}
	for _, e := range events.of(record.EvRequest, record.EvResponse) {
		at := id{e.Conn, e.Corr}
		if e.K == record.EvRequest {
			open[at] = e
			x.request(t, e)
			continue
		}
		req, ok := open[at]
		if !ok || req.API != e.API || req.V != e.V || req.Node != e.Node {
			t.Errorf("response %+v answers %+v", e, req)
		}
		delete(open, at)
		x.response(t, e)
	}
	for _, api := range []kmsg.Key{kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.OffsetFetch, kmsg.OffsetCommit, kmsg.LeaveGroup} {
		if x.seen[api] == 0 {
			t.Errorf("no %s was seen", api.Name())
		}
	}
	if len(x.parts) != 3 {
		t.Errorf("%d partitions were assigned, want 3", len(x.parts))
	}
	if x.committed < records {
		t.Errorf("offsets of %d in all were committed, want %d or more", x.committed, records)
	}
}

func (x *groupLife) request(t *testing.T, e record.Event) {
	t.Helper()
	api := kmsg.Key(e.API)
	x.seen[api]++
	if e.Group != group {
		t.Errorf("%s of group %q, want %q", api.Name(), e.Group, group)
	}
	if api == kmsg.JoinGroup && (e.SessionMs != 11000 || e.RebalanceMs != 13000 || strings.Join(e.Protocols, ",") != "range") {
		t.Errorf("JoinGroup with session %d, rebalance %d, protocols %q", e.SessionMs, e.RebalanceMs, e.Protocols)
	}
	if api == kmsg.OffsetCommit {
		for _, o := range e.Offsets {
			x.committed += o
		}
	}
}

func (x *groupLife) response(t *testing.T, e record.Event) {
	t.Helper()
	switch api := kmsg.Key(e.API); {
	case api == kmsg.JoinGroup && e.Err == 0:
		if e.Protocol != "range" || e.Generation < 1 || e.Member == "" {
			t.Errorf("JoinGroup answered with protocol %q, generation %d, member %q", e.Protocol, e.Generation, e.Member)
		}
	case api == kmsg.SyncGroup:
		for _, p := range e.Parts {
			if p.Topic != topic {
				t.Errorf("partition %+v was assigned", p)
			}
			x.parts[p.Partition] = true
		}
	}
}

// checkSums compares the sums of the intervals with the totals, and requests
// with responses: a client that closes may leave one Fetch, one Heartbeat and one
// look at the metadata on each connection unanswered, and no more.
func checkSums(t *testing.T, tap *Tap, events *log, secure bool) {
	t.Helper()
	var conns, unknown int
	var counted record.Batched
	sums := map[int16]record.WireAPI{}
	for _, e := range events.of(record.EvWire) {
		conns += e.Opened
		unknown += e.Unknown
		for _, w := range e.Wire {
			s := sums[w.API]
			if w.Batched != nil {
				counted.Add(*w.Batched)
			}
			sums[w.API] = record.WireAPI{
				API: w.API, Requests: s.Requests + w.Requests, ReqBytes: s.ReqBytes + w.ReqBytes,
				Responses: s.Responses + w.Responses, RespBytes: s.RespBytes + w.RespBytes,
			}
		}
	}
	for _, w := range totals(tap) {
		w.Batched = nil
		if sums[w.API] != w {
			t.Errorf("intervals sum to %+v, the total is %+v", sums[w.API], w)
		}
		api := kmsg.Key(w.API)
		slack := int64(0)
		if api == kmsg.Fetch || api == kmsg.Heartbeat || api == kmsg.Metadata {
			slack = int64(conns)
		}
		if missing := w.Requests - w.Responses; missing < 0 || missing > slack {
			t.Errorf("%s: %d requests, %d responses", api.Name(), w.Requests, w.Responses)
		}
	}
	if counted.Records != records || counted.Batches < 1 || counted.Batches > records {
		t.Errorf("%+v went over the wire, of %d records", counted, records)
	}
	if unknown != 0 {
		t.Errorf("%d frames could not be read", unknown)
	}
	if got := sums[int16(kmsg.SASLAuthenticate)].Requests > 0; got != secure {
		t.Errorf("SASL was seen: %t, want %t", got, secure)
	}
}

func TestDialErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	tap, _ := newTap(t, Options{})
	if _, err := tap.Dial(context.Background(), "tcp", addr); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("refused connection: got error %v, want one that names %s", err, addr)
	}

	server, _ := certificate(t)
	cluster := startCluster(t, kfake.TLS(server))
	_, client := certificate(t) // of another authority
	tap, _ = newTap(t, Options{TLS: client})
	_, err = tap.Dial(context.Background(), "tcp", cluster.ListenAddrs()[0])
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "TLS handshake") {
		t.Errorf("unknown certificate: got error %v", err)
	}
	if n := tap.open.Load(); n != 0 {
		t.Errorf("%d connections are open after a failed handshake", n)
	}
}
