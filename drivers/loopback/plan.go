package loopback

import (
	"fmt"

	"github.com/kbench/kbench/drivers"
)

// Plan implements drivers.Driver. Nothing is claimed, as nothing can be seen on
// a wire. A mode changes nothing: there is one way to run.
func (d *Driver) Plan(s drivers.Settings) []drivers.Setting {
	const (
		noWire   = "nothing is sent over a wire"
		noBatch  = "records are appended one by one"
		noBroker = "there is no broker"
		noMember = "members share a process and cannot be lost"
		asAsked  = "as asked"
	)
	rows := map[string]drivers.Setting{
		drivers.KeyAcks:         drivers.Lacks("acked when appended", noBroker),
		drivers.KeyIdempotent:   drivers.Lacks("", "a record is appended once in any case"),
		drivers.KeyInFlight:     drivers.Lacks("", noWire),
		drivers.KeyLinger:       drivers.Lacks("0s", noBatch),
		drivers.KeyBatchRecords: drivers.Lacks("1", noBatch),
		drivers.KeyBatchBytes:   drivers.Lacks("", noBatch),
		drivers.KeyCodec:        drivers.Lacks("none", noWire),
		drivers.KeyLevel:        drivers.Lacks("", noWire),
		drivers.KeyAckTimeout:   drivers.Lacks("", noBroker),
		drivers.KeyRetries:      drivers.Lacks("0", "there is no error that a retry could mend"),
		drivers.KeyRetryBackoff: drivers.Lacks("", "nothing is retried"),
		drivers.KeyWindow:       drivers.Exactly("held by the harness", ""),
		drivers.KeyChunk:        drivers.Exactly("Msgs of one Send", ""),
		drivers.KeyPartition:    drivers.Exactly("Msg.Partition", ""),

		drivers.KeyStart:             drivers.Exactly("oldest retained, or the end", ""),
		drivers.KeyFetchMin:          drivers.Lacks("", noWire),
		drivers.KeyFetchMax:          drivers.Lacks("", noWire),
		drivers.KeyFetchMaxPartition: drivers.Lacks("", noWire),
		drivers.KeyFetchWait:         drivers.Lacks("0s", "a record is delivered as soon as it is appended"),
		drivers.KeyIsolation:         drivers.Lacks("", "there are no transactions"),
		drivers.KeyCommitMode:        drivers.Exactly(asAsked, ""),
		drivers.KeyCommitEvery:       drivers.Exactly(asAsked, ""),
		drivers.KeyCommitOnRevoke:    drivers.Exactly(asAsked, ""),
		drivers.KeyLanes:             drivers.Exactly("a goroutine per lane", ""),
		drivers.KeyRevoke:            drivers.Exactly("waits for the running record", ""),
		drivers.KeyEvents:            drivers.Nearly("assigned, revoked", "", "a partition is never lost here"),
		drivers.KeyCRC:               drivers.Lacks("", "there are no record batches"),
		drivers.KeyPrefetch:          drivers.Lacks(fmt.Sprintf("%d bytes of log per partition", retainBytes), "the log itself is read"),

		drivers.KeyProtocol:      drivers.Lacks("", noBroker),
		drivers.KeyAssignors:     drivers.Lacks("range", "members divide partitions by range whatever is asked"),
		drivers.KeySession:       drivers.Lacks("", noMember),
		drivers.KeyHeartbeat:     drivers.Lacks("", noMember),
		drivers.KeyRebalance:     drivers.Lacks("", "a rebalance waits for handlers as long as they take"),
		drivers.KeyRejoinBackoff: drivers.Lacks("", "a join cannot fail"),
		drivers.KeyStatic:        drivers.Lacks("false", "members have no identity beyond their lifetime"),
		drivers.KeySubscribe:     drivers.Exactly("Subscribe", ""),

		drivers.KeyMetadataRefresh: drivers.Lacks("", "members learn of new partitions at once"),
		drivers.KeyConnections:     drivers.Lacks("0", noWire),
		drivers.KeySASL:            drivers.Lacks("", noBroker),
		drivers.KeyTransactions:    drivers.Lacks("", "there are no transactions"),
		drivers.KeyTelemetry:       drivers.Exactly("off", ""),
	}
	// These wishes hold here by themselves, though the settings have no others.
	for key, value := range map[string]string{
		drivers.KeyIdempotent: "false",
		drivers.KeyLinger:     "0s",
		drivers.KeyCodec:      "none",
		drivers.KeyAssignors:  "range",
		drivers.KeyStatic:     "false",
	} {
		if s.Want(key) == value {
			rows[key] = drivers.Exactly(value, "")
		}
	}
	if s.Consume.Revoke == drivers.RevokeFree {
		rows[drivers.KeyRevoke] = drivers.Lacks("waits for the running record", "a rebalance waits for handlers as long as they take")
	}
	return drivers.Rows(s, rows)
}
