package franzgo

import (
	"strconv"

	"github.com/kbench/kbench/drivers"
)

// stockRows replaces the rows of all settings that the harness can do without by
// the client's defaults: no option is set, and the row tells the value in force.
func stockRows(s drivers.Settings, rows map[string]setting) {
	const batchBytes = 1_000_012
	held := drivers.RecordsIn(batchBytes-batchPrefix, s.KeyBytes, s.RecordBytes-s.KeyBytes)
	for key, d := range map[string]struct{ own, claim string }{
		drivers.KeyAcks:              {"all", "-1"},
		drivers.KeyIdempotent:        {"true", ""},
		drivers.KeyInFlight:          {"1 until the first answer, then 5 per broker", ""},
		drivers.KeyLinger:            {stockLinger.String(), ""},
		drivers.KeyBatchRecords:      {"no limit", strconv.Itoa(held)},
		drivers.KeyBatchBytes:        {strconv.Itoa(batchBytes), ""},
		drivers.KeyCodec:             {"snappy", "snappy"},
		drivers.KeyLevel:             {"none", ""},
		drivers.KeyAckTimeout:        {"10s", "10000"},
		drivers.KeyRetries:           {"no limit", ""},
		drivers.KeyRetryBackoff:      {"250ms to 5s, doubling", ""},
		drivers.KeyFetchMin:          {"1", "1"},
		drivers.KeyFetchMax:          {strconv.Itoa(50 << 20), strconv.Itoa(50 << 20)},
		drivers.KeyFetchMaxPartition: {strconv.Itoa(1 << 20), strconv.Itoa(1 << 20)},
		drivers.KeyFetchWait:         {"5s", "5000"},
		drivers.KeyIsolation:         {"read_uncommitted", "0"},
		drivers.KeyCommitEvery:       {"5s", ""},
		drivers.KeyProtocol:          {"classic", "classic"},
		drivers.KeyAssignors:         {"cooperative-sticky", "cooperative-sticky"},
		drivers.KeySession:           {"45s", "45000"},
		drivers.KeyHeartbeat:         {"3s", "3000"},
		drivers.KeyRebalance:         {"60s", "60000"},
		drivers.KeyRejoinBackoff:     {"none; 250ms to 5s after errors", ""},
		drivers.KeyMetadataRefresh:   {"5m0s", ""},
		drivers.KeyTelemetry:         {stockTelemetry, ""},
	} {
		rows[key] = setting{Setting: drivers.ByDefault(d.own, d.claim)}
	}
}
