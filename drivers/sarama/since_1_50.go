//go:build !sarama_before_1_50

package sarama

import client "github.com/IBM/sarama"

// missedHeartbeats are the errors with which a session ends whose heartbeats failed.
func missedHeartbeats() []error { return []error{client.ErrSessionHeartbeatFailed} }
