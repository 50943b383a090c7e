package layers

// The modules of the clients, and what is inside them.
const (
	kbench = "github.com/kbench/kbench"
	kgo    = "github.com/twmb/franz-go/pkg/kgo"
	sarama = "github.com/IBM/sarama"
	shop   = "github.com/Shopify/sarama" // as it was called until 1.38
	kafka  = "github.com/segmentio/kafka-go"
)

// owners are functions that call nobody but what works for them: all that is below one
// of them in a stack is theirs.
var owners = []rule{
	{Harness, kbench + "/results/record", ""},            // what is written down, and reading the counters for it
	{Harness, kbench + "/internal/worker", "Canary nap"}, // threads that sleep and look whether they are late
	{Profiler, kbench + "/profiles/capture", ""},
	{Profiler, "runtime/pprof", "profileWriter profileBuilder* protobuf* Profile* StartCPUProfile StopCPUProfile readProfile write* newProfileBuilder"}, // but no Do
	{Profiler, "runtime/trace", "Start* Stop* FlightRecorder*"},
}

// rules is the table. The first rule that names a function wins, so that within a
// package what is special stands above what is general. What is not named here is told
// by who called it.
//
// To change a rule is to change what every ledger says: let the golden ledgers of this
// package show what moved, and look at the profiles of all clients (make ledgers).
var rules = []rule{
	// The harness, where it works for a client: handler, acks, the tap.
	{Harness, kbench + "/...", ""},
	{Harness, "github.com/HdrHistogram/hdrhistogram-go", ""},

	// What the profile itself cost.
	{Profiler, "runtime", "sigprof* sigtramp* sighandler profBuf* trace* profilealloc mProf* saveblockevent* profileLoop"},

	// The collector, before the allocator, since it walks the same structures.
	{GC, "runtime", "gc* scan* grey* mark* sweep* bgsweep bgscavenge scavenge* wbBuf* bulkBarrier* findObject spanOf* tryDefer* " +
		"typePointers* mspan.typePointers* mspan.heapBits* mspan.markBits* heapBitsSmall* " +
		"spanInlineMarkBits* spanQueue* spanSPMC* localSpanQueue* spanScan* objptr* pollWork* finq* runFinalizers runCleanups stopTheWorld* startTheWorld* " +
		"deductAssistCredit deductSweepCredit activeSweep* sweepLocked* sweepLocker* dedup* limiterEvent* " +
		"gcController* mcache.prepareForSweep lfstack* workbuf* getempty putempty trygetfull putfull handoff"},
	{GC, "internal/runtime/gc/...", ""},
	{Alloc, "runtime", "malloc* mcache* mcentral* mheap* mspan* pageAlloc* pageCache* pallocData* pallocBits* pallocSum* nextFree* newobject makeslice* growslice* " +
		"newarray heapSetType* rawbyteslice rawstring* rawruneslice slicebytetostring* stringtoslicebyte allocNeedsZero persistentalloc* sysAlloc* sysUsed* sysHugePage* sysMap* " +
		"fixalloc* memclrHasPointers* memclrNoHeapPointersChunked addspecial* removespecial freeSpecial specialsIter* publicationBarrier makemap* roundupsize* reusableSize* freeSized*"},

	// Locks, before the scheduler that carries out their waits.
	{Locks, "sync", ""},
	{Locks, "internal/sync", ""},
	{Locks, "runtime", "sem* notifyList* readyWithTime cansemacquire"},
	{Locks, kgo + "/internal/xsync", ""},

	// Channels and the scheduler.
	{Scheduler, "runtime", "chan* send recv select* sel* gopark* goready* goyield* gosched* Gosched park* ready* schedule park_m findRunnable* findrunnable* checkTimers* steal* runq* globrunq* wakep startm stopm note* " +
		"mPark mput mget acquirep releasep handoffp retake sysmon resetspinning injectglist netpoll* timer* timers* resetForSleep resettimer* stopTimer* newTimer* resetTimer* sleep* " +
		"entersyscall* exitsyscall* reentersyscall execute casgstatus casGToWaiting* casGFromPreempted newproc* malg allocm* newm* newosproc* clone mstart* mexit goexit0 gdestroy gfget gfput gfpurge " +
		"morestack* newstack copystack adjustframe* adjustpointers stackalloc* stackfree* stackcache* stackpool* shrinkstack acquireSudog releaseSudog closechan dropg checkdead pidle* preempt* asyncPreempt* suspendG resumeG " +
		"signalM tgkill doSigPreempt wantAsyncPreempt pMask* sched* mcall_park runSafePointFn forEachP* procresize globrunqget* exitsyscall0 blockUntilEmpty* emptychan full empty waitq* coro*"},
	{Scheduler, "time", "Sleep newTimer stopTimer resetTimer"},
	{Scheduler, "internal/poll", "runtime_poll* pollDesc*"},

	// The system. Sleeps and waits of the runtime's own are above.
	{Syscall, "internal/poll", ""},
	{Syscall, "syscall", ""},
	{Syscall, "os", ""},
	{Syscall, "net", "conn* netFD* TCPConn* sendFile* splice* readFrom* genericReadFrom* Buffers* buffersWriter* rawConn* sysDialer* Dialer* Resolver* socket* internetSocket* dial*"},

	{TLS, "crypto/...", ""},
	{TLS, "golang.org/x/crypto/...", ""},
	{CRC, "hash/crc32", ""},
	{Compress, "github.com/klauspost/...", ""},
	{Compress, "github.com/pierrec/lz4/...", ""},
	{Compress, "github.com/golang/snappy/...", ""},
	{Compress, "github.com/eapache/go-xerial-snappy", ""},
	{Compress, "compress/...", ""},

	// franz-go.
	{Compress, kgo, "compressor* decompressor* streamCompressor* decompressPool* xerial* appendXerial* decompressSnappy readBounded zstdEncoder* lz4* errDecompress*"},
	{Group, kgo, "groupConsumer* g848* groupExternal* assignRevokeSession* stickyBalancer* roundRobinBalancer* rangeBalancer* ConsumerBalancer* BalancePlan* groupMemberGen* simpleMemberMetadata joinMemberLess sortJoinMember* " +
		"GroupTransactSession* Client.Commit* Client.Mark* Client.commit* Client.UncommittedOffsets Client.LeaveGroup* Client.ForceRebalance Client.AllowRebalance Client.GroupMetadata shareConsumer*"},
	{Group, kgo + "/internal/sticky", ""},
	{Encode, kgo, "promisedRec.append* recBatch.append* readRaw* recordToRecord ProcessFetch* buildAborter v0MessageToRecord v1MessageToRecord appendMessageTo messageSet* recordNumbers* seqRecBatch* recBatch.calculate* " +
		"produceRequest* fetchRequest* messageAttrsToRecordAttrs timeFromMillis uvar* aborter* recBatch.wireLength* promisedRec.*Length* prsPool* RecordAttrs*"},
	{Encode, "github.com/twmb/franz-go/pkg/kmsg/...", ""},
	{Encode, "github.com/twmb/franz-go/pkg/kbin", ""},
	{Batch, kgo, "Client.Produce* Client.TryProduce Client.produce Client.doPartition Client.loadPartsAndPartition Client.partitionsForTopicProduce Client.finish* Client.Poll* Client.newSink Client.newSource Client.unlinger* Client.BufferedProduce* Client.Flush " +
		"recBuf* recBatch* recBatches* promisedRec* sink* source* producer* cursor* consumer* fetchManager* fetchSession* usedOffsets* Fetches* FetchTopic* FetchPartition* FetchesRecordIter* ring* batchPromise* " +
		"stickyTopicPartitioner* stickyPartitioner* stickyKey* uniformBytes* leastBackup* KafkaHasher SaramaHasher SaramaCompatHasher murmur2 basicPartitioner* keyPartitioner* unknownTopicProduces* listOrEpoch* offsetLoad* loadedOffsets*"},
	{Client, "github.com/twmb/franz-go/...", ""},

	// sarama. The older name of the module has the same functions.
	{Compress, sarama, saramaCompress}, {Compress, shop, saramaCompress},
	{Group, sarama, saramaGroup}, {Group, shop, saramaGroup},
	{Encode, sarama, saramaEncode}, {Encode, shop, saramaEncode},
	{Batch, sarama, saramaBatch}, {Batch, shop, saramaBatch},
	{Client, sarama + "/...", ""}, {Client, shop + "/...", ""},
	{Client, "github.com/rcrowley/go-metrics", ""},
	{Client, "github.com/eapache/...", ""},
	{Client, "github.com/jcmturner/...", ""},

	// kafka-go. reader is the loop that fetches a partition, and no function read*.
	{Compress, kafka + "/compress/...", ""},
	{Compress, kafka, "compressMessageSet compressRecordBatch resolveCodec"},
	{Group, kafka, "ConsumerGroup* Generation* timeoutCoordinator* genCtx* Reader.commit* Reader.run Reader.subscribe Reader.unsubscribe Reader.CommitMessages offsetStash* commit* makeCommit* " +
		"Conn.heartbeat Conn.joinGroup Conn.leaveGroup Conn.syncGroup Conn.offsetCommit Conn.offsetFetch Conn.findCoordinator groupAssignment* groupMetadata* joinGroup* syncGroup* heartbeat* leaveGroup* " +
		"RangeGroupBalancer* RoundRobinGroupBalancer* RackAffinityGroupBalancer* findMembersByTopic findGroupBalancer findPartitions"},
	{Batch, kafka, "reader.* readerStack* Writer* partitionWriter* writeBatch* batchQueue* Reader.*"},
	{Encode, kafka + "/protocol/...", ""},
	{Encode, kafka, "messageSetReader* Batch.* writerRecords* writeBuffer* read* write* peekRead* discard* crc32Writer* recordBatch* newRecordBatch messageSet* messagesHeader* produceRequest* fetchRequest* fetchResponse* sizeof* " +
		"varIntLen varBytesLen varStringLen varArrayLen recordSize messageSize Message.* message.* makeInt* makeTime timestamp milliseconds extractOffset bytesToRecord*"},
	{Batch, kafka, "RoundRobin* LeastBytes* Hash.* ReferenceHash* CRC32Balancer* Murmur2Balancer* murmur2 BalancerFunc* randomBalancer* loadCachedPartitions newWriteBatch newPartitionWriter Conn.ReadBatch* Conn.Read* Client.Produce Client.Fetch"},
	{Client, kafka + "/...", ""},

	{Client, "github.com/xdg-go/...", ""},
	{Client, "github.com/hashicorp/...", ""},
}

const (
	saramaCompress = "compress gzipCompress lz4Compress decompress bounded* zstd* getZstd* newZstdEncoder releaseEncoder getDecoder CompressionCodec*"
	saramaGroup    = "consumerGroup* offsetManager* partitionOffsetManager* balanceStrategy* stickyBalance* cooperativeSticky* StickyAssignor* roundRobinBalancer* partitionMovements* assignmentPriorityQueue* adjustCooperative* " +
		"ConsumerGroup* JoinGroup* SyncGroup* Heartbeat* LeaveGroup* OffsetCommit* OffsetFetch* FindCoordinator* Broker.Heartbeat Broker.JoinGroup Broker.SyncGroup Broker.LeaveGroup Broker.CommitOffset Broker.FetchOffset " +
		"getBalanceScore isBalanced canConsumerParticipate* canTopicPartition* assignPartition sortPartitions* sortMemberIDs* prepopulateCurrent* offsetCommit* diffClaims ownedPartitions"
	saramaEncode = "realEncoder* prepEncoder* realDecoder* realFlexible* prepFlexible* Record* recordsArray* Message* Produce* Fetch* fetchRequest* varintLengthField* lengthField* crc32Field* " +
		"encode decode versionedDecode allocate* acquireLengthField acquireCrc32Field releaseLengthField releaseCrc32Field newCRC32Field taggedField* Timestamp* ProducerMessage.* StringEncoder* ByteEncoder* magicValue newDefaultRecords newLegacyRecords prepareFlexible* downgradeFlexible* " +
		"responseHeader* request.*"
	saramaBatch = "asyncProducer* syncProducer* topicProducer* partitionProducer* brokerProducer* produceSet* partitionMuter* newProduceSet* partitionConsumer* brokerConsumer* brokerSubscription* consumer.* newBrokerSubscription transactionManager* " +
		"hashPartitioner* murmur2* randomPartitioner* roundRobinPartitioner* manualPartitioner* withRecover fetchRecordsSet* Broker.AsyncProduce Broker.Produce Broker.Fetch"
)

// leaves is what a stack is by its leaf, where nothing in it decides: the runtime on a
// stack of its own, and stacks that are cut off in the vdso.
var leaves = []rule{
	{Scheduler, "runtime", "mcall gogo gosave* futex* usleep osyield procyield* lock2 unlock2 systemstack goexit* rt0_go main"},
	{Clock, "time", "now Now runtimeNow"},
	{Clock, "runtime", "nanotime* walltime* time_now vdso* cputicks"},
	{Clock, "", "__vdso*"},
}
