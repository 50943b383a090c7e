package sarama

import (
	"strconv"

	"github.com/kbench/kbench/drivers"
)

// stockRows replaces the rows of all settings that the harness can do without by
// the client's defaults: no field is set, and the row tells the value in force.
func stockRows(s drivers.Settings, rows map[string]setting) {
	const messageBytes = 1 << 20
	held := max((messageBytes-1-batchOverhead)/(s.RecordBytes+recordOverhead), 1)
	for key, d := range map[string]struct{ own, claim string }{
		drivers.KeyAcks:              {"leader", "1"},
		drivers.KeyIdempotent:        {"false", ""},
		drivers.KeyInFlight:          {"1 per partition, 5 per broker", ""},
		drivers.KeyLinger:            {"0s", ""},
		drivers.KeyBatchRecords:      {"no limit", strconv.Itoa(held)},
		drivers.KeyBatchBytes:        {strconv.Itoa(messageBytes), ""},
		drivers.KeyCodec:             {"none", "none"},
		drivers.KeyLevel:             {"none", ""},
		drivers.KeyAckTimeout:        {"10s", "10000"},
		drivers.KeyRetries:           {"3", ""},
		drivers.KeyRetryBackoff:      {"100ms", ""},
		drivers.KeyFetchMin:          {"1", "1"},
		drivers.KeyFetchMaxPartition: {strconv.Itoa(1 << 20), strconv.Itoa(1 << 20)},
		drivers.KeyFetchWait:         {stockFetchWait.String(), drivers.Millis(stockFetchWait)},
		drivers.KeyIsolation:         {"read_uncommitted", "0"},
		drivers.KeyCommitEvery:       {"1s", ""},
		drivers.KeyProtocol:          {"classic", "classic"},
		drivers.KeyAssignors:         {"range", "range"},
		drivers.KeySession:           {"10s", "10000"},
		drivers.KeyHeartbeat:         {"3s", "3000"},
		drivers.KeyRebalance:         {"60s", "60000"},
		drivers.KeyRejoinBackoff:     {"2s, after a join that failed", ""},
		drivers.KeyMetadataRefresh:   {"10m0s", ""},
	} {
		rows[key] = setting{Setting: drivers.ByDefault(d.own, d.claim)}
	}
	rows[drivers.KeyFetchMax] = stockFetchMax()
}
