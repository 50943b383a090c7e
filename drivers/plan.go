package drivers

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Exactly is a row of a Plan for a setting that the client has.
func Exactly(native, claim string) Setting {
	return Setting{Native: native, Claim: claim, Fidelity: Exact}
}

// Nearly is a row of a Plan for a setting that the client has in another form;
// why says how far off it is.
func Nearly(native, claim, why string) Setting {
	return Setting{Native: native, Claim: claim, Why: why, Fidelity: Approx}
}

// Lacks is a row of a Plan for a setting that the client does not have; why says
// what it does instead.
func Lacks(native, why string) Setting {
	return Setting{Native: native, Why: why, Fidelity: Unsupported}
}

// Rows completes the Plan of a driver from its rows by key: in the order of
// Keys, with what the workload wants. A key without a row is a mistake of the
// driver and is told as such, not left out.
func Rows(s Settings, rows map[string]Setting) []Setting {
	keys := Keys()
	plan := make([]Setting, len(keys))
	for i, key := range keys {
		row, ok := rows[key]
		if !ok {
			row = Lacks("", "the driver does not say what becomes of it")
		}
		row.Key, row.Want = key, s.Want(key)
		plan[i] = row
	}
	return plan
}

// Millis is a duration as the wire has it.
func Millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Want is what the settings ask for under a key, in the words of a workload.
func (s Settings) Want(key string) string {
	p, c, g := s.Produce, s.Consume, s.Group
	switch key {
	case KeyAcks:
		return string(p.Acks)
	case KeyIdempotent:
		return strconv.FormatBool(p.Idempotent)
	case KeyInFlight:
		return strconv.Itoa(p.InFlight)
	case KeyLinger:
		return p.Linger.String()
	case KeyBatchRecords:
		if p.BatchRecords == 0 {
			return fmt.Sprintf("%d (what fits)", s.BatchLimit())
		}
		return strconv.Itoa(p.BatchRecords)
	case KeyBatchBytes:
		return strconv.Itoa(p.BatchBytes)
	case KeyCodec:
		return s.CodecName()
	case KeyLevel:
		if p.Level == 0 {
			return "default"
		}
		return strconv.Itoa(p.Level)
	case KeyAckTimeout:
		return p.AckTimeout.String()
	case KeyRetries:
		return strconv.Itoa(p.Retries)
	case KeyRetryBackoff:
		return p.RetryBackoff.String()
	case KeyWindow:
		return strconv.Itoa(p.Window)
	case KeyChunk:
		return strconv.Itoa(p.Chunk)
	case KeyPartition:
		return "chosen by the harness"
	case KeyStart:
		return c.Start
	case KeyFetchMin:
		return strconv.Itoa(c.FetchMin)
	case KeyFetchMax:
		return strconv.Itoa(c.FetchMax)
	case KeyFetchMaxPartition:
		return strconv.Itoa(c.FetchMaxPartition)
	case KeyFetchWait:
		return c.FetchWait.String()
	case KeyIsolation:
		return c.Isolation
	case KeyCommitMode:
		return string(c.CommitMode)
	case KeyCommitEvery:
		return c.CommitEvery.String()
	case KeyCommitOnRevoke:
		return strconv.FormatBool(c.CommitOnRevoke)
	case KeyLanes:
		return c.Lanes
	case KeyRevoke:
		return c.Revoke
	case KeyEvents:
		return "assigned, revoked, lost"
	case KeyCRC:
		return "checked"
	case KeyPrefetch:
		return "reported"
	case KeyProtocol:
		return g.Protocol
	case KeyAssignors:
		return strings.Join(g.Assignors, ",")
	case KeySession:
		return g.Session.String()
	case KeyHeartbeat:
		return g.Heartbeat.String()
	case KeyRebalance:
		return g.Rebalance.String()
	case KeyRejoinBackoff:
		return g.RejoinBackoff.String()
	case KeyStatic:
		return strconv.FormatBool(g.Static)
	case KeySubscribe:
		return "while running"
	case KeyMetadataRefresh:
		return s.MetadataRefresh.String()
	case KeyConnections:
		return "reported"
	case KeySASL:
		return "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
	case KeyTransactions:
		return "not used"
	case KeyTelemetry:
		return "off"
	}
	return ""
}

// CodecName is the codec asked for, none where nothing is said.
func (s Settings) CodecName() string {
	if s.Produce.Codec == "" {
		return "none"
	}
	return s.Produce.Codec
}
