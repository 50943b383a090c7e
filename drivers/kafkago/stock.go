package kafkago

import (
	"strconv"

	"github.com/kbench/kbench/drivers"
)

// stockRows replaces the rows of all settings that the harness can do without by
// the client's defaults: no field is set, and the row tells the value in force.
// The interval of commits stays the workload's, for without one the client's
// CommitMessages waits for the broker, which is another commit mode.
func stockRows(s drivers.Settings, rows map[string]setting) {
	const batchRecords, partitionBytes = 100, 1_000_000
	for key, d := range map[string]struct{ own, claim string }{
		drivers.KeyAcks:              {"none", "0"},
		drivers.KeyIdempotent:        {"none", ""},
		drivers.KeyLinger:            {"1s", ""},
		drivers.KeyBatchRecords:      {strconv.Itoa(batchRecords), strconv.Itoa(batchRecords)},
		drivers.KeyBatchBytes:        {strconv.Itoa(1 << 20), ""},
		drivers.KeyCodec:             {"none", "none"},
		drivers.KeyLevel:             {"none", ""},
		drivers.KeyAckTimeout:        {"half of 10s", "4999"},
		drivers.KeyRetries:           {"9", ""},
		drivers.KeyRetryBackoff:      {"100ms to 1s, growing", ""},
		drivers.KeyFetchMin:          {"1", "1"},
		drivers.KeyFetchMaxPartition: {strconv.Itoa(partitionBytes), strconv.Itoa(partitionBytes + fetchOverhead + longest(s.Topics))},
		drivers.KeyFetchWait:         {"10s, less a second", "8999"},
		drivers.KeyIsolation:         {"read_uncommitted", "0"},
		drivers.KeyProtocol:          {"classic", "classic"},
		drivers.KeyAssignors:         {"range,roundrobin", "range,roundrobin"},
		drivers.KeySession:           {"30s", "30000"},
		drivers.KeyHeartbeat:         {"3s", "3000"},
		drivers.KeyRebalance:         {"30s", "30000"},
		drivers.KeyRejoinBackoff:     {"5s, after errors", ""},
		drivers.KeyMetadataRefresh:   {"6s for the Writer, none for the Reader", ""},
	} {
		rows[key] = setting{Setting: drivers.ByDefault(d.own, d.claim)}
	}
}
