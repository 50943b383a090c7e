//go:build !kafkago_before_0_4_41

package kafkago

import "github.com/segmentio/kafka-go"

// askFor has a Transport ask for these topics alone, and not for all of the cluster.
func askFor(t *kafka.Transport, topics []string) { t.MetadataTopics = topics }
