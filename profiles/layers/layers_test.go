package layers

import (
	"strings"
	"testing"
)

// TestOf: one stack for each rule of the walk and each layer. The leaf stands first.
func TestOf(t *testing.T) {
	f := func(want Layer, stack string) {
		t.Helper()
		if got := Of(strings.Split(stack, " < ")); got != want {
			t.Errorf("%s: %s, want %s", stack, got, want)
		}
	}
	const tap = " < internal/poll.(*FD).Write < net.(*netFD).Write < net.(*conn).Write < github.com/kbench/kbench/internal/wire.(*conn).Write"

	// The first frame that a rule names decides.
	f(GC, "runtime.gcDrain < runtime.gcAssistAlloc < runtime.mallocgc < github.com/IBM/sarama.(*realDecoder).getBytes")
	f(Alloc, "runtime.(*mcache).nextFree < runtime.mallocgc < github.com/IBM/sarama.(*realDecoder).getBytes")
	f(Alloc, "runtime.memclrNoHeapPointers < runtime.mallocgc < runtime.makeslice < main.main")
	f(Scheduler, "runtime.futex < runtime.futexsleep < runtime.notesleep < runtime.stopm < runtime.findRunnable < runtime.schedule < runtime.park_m < runtime.mcall")
	f(Scheduler, "runtime.chansend < github.com/IBM/sarama.(*asyncProducer).dispatcher")
	f(Scheduler, "internal/runtime/syscall/linux.EpollWait < runtime.netpoll < runtime.findRunnable")
	f(Scheduler, "runtime.pcvalue < runtime.adjustframe < runtime.copystack < runtime.newstack < runtime.morestack < github.com/IBM/sarama.(*client).Leader")
	f(GC, "runtime.(*unwinder).next < runtime.scanstack < runtime.markroot < runtime.gcDrain")
	f(Locks, "sync.(*Mutex).Lock < github.com/twmb/franz-go/pkg/kgo.(*recBuf).bufferRecord")
	f(Locks, "runtime.semacquire1 < sync.runtime_SemacquireMutex < internal/sync.(*Mutex).lockSlow")
	f(Syscall, "internal/runtime/syscall/linux.Syscall6 < syscall.RawSyscall6 < syscall.write"+tap+" < github.com/twmb/franz-go/pkg/kgo.(*brokerCxn).writeConn")
	f(Harness, "github.com/kbench/kbench/internal/wire.(*tap).read < github.com/kbench/kbench/internal/wire.(*conn).Write < github.com/segmentio/kafka-go/protocol.(*Conn).Write")
	f(TLS, "crypto/internal/fips140/aes/gcm.gcmAesEnc < crypto/tls.(*halfConn).encrypt < crypto/tls.(*Conn).Write < github.com/IBM/sarama.(*Broker).write")
	f(CRC, "hash/crc32.castagnoliSSE42 < hash/crc32.Update < github.com/IBM/sarama.(*crc32Field).run")
	f(Compress, "github.com/golang/snappy.encodeBlock < github.com/eapache/go-xerial-snappy.Encode < github.com/IBM/sarama.compress")
	f(Compress, "github.com/klauspost/compress/zstd.(*Encoder).EncodeAll < github.com/twmb/franz-go/pkg/kgo.(*compressor).compress")

	// What the standard library does without a rule counts for whoever called it.
	f(Encode, "encoding/binary.bigEndian.PutUint32 < github.com/IBM/sarama.(*realEncoder).putInt32 < github.com/IBM/sarama.(*Broker).send")
	f(Batch, "runtime.memmove < github.com/twmb/franz-go/pkg/kgo.(*recBuf).bufferRecord < github.com/twmb/franz-go/pkg/kgo.(*Client).produce")
	f(Encode, "memeqbody < runtime.memequal < github.com/segmentio/kafka-go/protocol.(*decoder).read")
	f(Encode, "type:.eq.github.com/twmb/franz-go/pkg/kgo.topicPartition < github.com/twmb/franz-go/pkg/kmsg.(*FetchRequest).AppendTo")
	f(Batch, "slices.insertionSortCmpFunc[go.shape.*uint8] < slices.SortFunc[go.shape.[]github.com/IBM/sarama.x] < github.com/IBM/sarama.(*produceSet).buildRequest")

	// A frame that is only the client's climbs for batch, group and encode, not further.
	f(Client, "github.com/IBM/sarama.(*client).Leader")
	f(Batch, "github.com/IBM/sarama.(*client).Leader < github.com/IBM/sarama.(*topicProducer).partitionMessage")
	f(Group, "github.com/IBM/sarama.(*client).Coordinator < github.com/IBM/sarama.(*consumerGroup).newSession")
	f(Encode, "github.com/IBM/sarama.(*Broker).sendInternal < github.com/IBM/sarama.encode")
	f(Client, "github.com/IBM/sarama.(*client).Leader < sync.(*Once).Do < runtime.chanrecv")
	f(Client, "github.com/twmb/franz-go/pkg/kgo.(*Client).Opts < github.com/kbench/kbench/drivers/franzgo.(*producer).Send < github.com/twmb/franz-go/pkg/kgo.(*sink).drain")

	// The parts of each client.
	f(Group, "github.com/twmb/franz-go/pkg/kgo.(*groupConsumer).heartbeat")
	f(Group, "github.com/twmb/franz-go/pkg/kgo.(*g848).heartbeat")
	f(Group, "github.com/twmb/franz-go/pkg/kgo/internal/sticky.(*balancer).assignUnassignedPartitions")
	f(Encode, "github.com/twmb/franz-go/pkg/kgo.promisedRec.appendTo")
	f(Encode, "github.com/twmb/franz-go/pkg/kgo.(*ProcessFetchPartitionOpts).processV2OuterMessage < github.com/twmb/franz-go/pkg/kgo.(*source).fetch")
	f(Batch, "github.com/twmb/franz-go/pkg/kgo.(*source).loopFetch")
	f(Batch, "github.com/twmb/franz-go/pkg/kgo.(*ring[...]).push < github.com/twmb/franz-go/pkg/kgo.(*broker).do")
	f(Group, "github.com/segmentio/kafka-go.(*ConsumerGroup).nextGeneration")
	f(Group, "github.com/segmentio/kafka-go.(*Reader).commitLoop")
	f(Batch, "github.com/segmentio/kafka-go.(*Reader).FetchMessage")
	f(Batch, "github.com/segmentio/kafka-go.(*reader).run")
	f(Encode, "github.com/segmentio/kafka-go.readInt32 < github.com/segmentio/kafka-go.(*reader).run")
	f(Encode, "github.com/segmentio/kafka-go.(*messageSetReader).readMessage < github.com/segmentio/kafka-go.(*Batch).ReadMessage")
	f(Batch, "github.com/segmentio/kafka-go.(*writeBatch).add < github.com/segmentio/kafka-go.(*Writer).WriteMessages")
	f(Client, "github.com/segmentio/kafka-go.(*connPool).roundTrip")
	f(Batch, "github.com/Shopify/sarama.(*brokerProducer).run")

	// Some functions call nobody but what works for them.
	f(Harness, "syscall.RawSyscall6 < golang.org/x/sys/unix.Getrusage < github.com/kbench/kbench/results/record.CPUTime < github.com/kbench/kbench/internal/worker.Canary")
	f(Harness, "runtime.mallocgc < encoding/json.Marshal < github.com/kbench/kbench/results/record.(*Events).Write")
	f(Profiler, "compress/flate.(*compressor).deflate < compress/gzip.(*Writer).Write < runtime/pprof.(*profileBuilder).build < runtime/pprof.profileWriter")
	f(Encode, "github.com/IBM/sarama.(*Record).encode < runtime/pprof.Do < github.com/IBM/sarama.withRecover")
	f(Profiler, "runtime.(*profBuf).read")

	// A library that no rule knows is the client's that called it. What the harness
	// called without a known client between is somebody's that the table does not know.
	f(Client, "example.com/codec.Encode < github.com/IBM/sarama.(*client).Leader")
	f(Unmatched, "example.com/other/kafka.(*Producer).Send < example.com/mine.(*driver).Send < github.com/kbench/kbench/internal/worker.(*generator).send")
	f(Unmatched, "rd_kafka_produce < main.(*driver).Send < github.com/kbench/kbench/internal/worker.(*generator).send")
	f(Unmatched, "runtime.futex < example.com/other/kafka.(*Producer).run")
	f(Harness, "golang.org/x/sys/unix.Gettid < github.com/kbench/kbench/internal/worker.(*generator).send")

	// Where nothing decides the leaf may.
	f(Scheduler, "runtime.mcall")
	f(Scheduler, "runtime.futex < runtime.goexit")
	f(Clock, "time.now")
	f(Clock, "runtime.nanotime1")
	f(Unmatched, "runtime.unknownToTheTable")
	f(Unmatched, "")
}

// TestTables: every rule is of a layer that is shown, and no rule stands behind one of
// its package that takes everything.
func TestTables(t *testing.T) {
	known := map[Layer]bool{}
	for _, l := range Layers() {
		known[l] = true
	}
	for _, table := range [][]rule{owners, rules, leaves} {
		whole := map[string]bool{}
		for _, r := range table {
			if !known[r.layer] || r.layer == Unmatched {
				t.Errorf("a rule for %s is of layer %q", r.pkg, r.layer)
			}
			if pkg := strings.TrimSuffix(r.pkg, "/..."); whole[pkg] {
				t.Errorf("the rule for %s of %s comes after one that takes all of it", r.layer, pkg)
			} else if r.names == "" {
				whole[pkg] = true
			}
		}
	}
}
