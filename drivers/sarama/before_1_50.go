//go:build sarama_before_1_50

package sarama

// Before v1.50.0 a session whose heartbeats failed ended without an error of its own.
func missedHeartbeats() []error { return nil }
