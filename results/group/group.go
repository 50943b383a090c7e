// Package group is the consumer group as the wire tells of it: requests paired
// with their responses, who owned what in which generation, what the coordinator
// told an observer, and the numbers of the APIs by name.
//
//	events of package record -> Pair -> Call -> Course: the state of all members at any moment
//	                                 -> Grants, Holdings: who surely owned a partition and when
//
// It knows no acts, no records and no windows: package audit finds with it what
// members did to each other, package window what an act did to the group.
package group

import "strings"

// The APIs that a member speaks with its group, by their keys in the protocol of
// Kafka.
const (
	OffsetCommit           int16 = 8
	OffsetFetch            int16 = 9
	FindCoordinator        int16 = 10
	JoinGroup              int16 = 11
	Heartbeat              int16 = 12
	LeaveGroup             int16 = 13
	SyncGroup              int16 = 14
	ConsumerGroupHeartbeat int16 = 68 // KIP-848
)

// The errors by which a coordinator tells a member that the group, or the member
// in it, is no longer what it was.
const (
	CoordinatorLoading  int16 = 14
	NoCoordinator       int16 = 15 // that could be reached
	NotCoordinator      int16 = 16
	IllegalGeneration   int16 = 22
	UnknownMemberID     int16 = 25
	RebalanceInProgress int16 = 27
	MemberIDRequired    int16 = 79
	FencedInstanceID    int16 = 82
	FencedMemberEpoch   int16 = 110
	StaleMemberEpoch    int16 = 113
)

// The epochs by which a ConsumerGroupHeartbeat asks to join and to leave; -2 says
// that a static member will be back.
const (
	joinEpoch  = 0
	leaveEpoch = -1
)

// Protocols of a group, as events name them.
const (
	Eager       = "eager"
	Cooperative = "cooperative"
	Consumer    = "consumer" // KIP-848
)

// ProtocolOf is the protocol that goes with an assignor.
func ProtocolOf(assignor string) string {
	if strings.Contains(assignor, Cooperative) {
		return Cooperative
	}
	return Eager
}
