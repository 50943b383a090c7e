package drivers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Translation says by key what every setting becomes in a client whose
// configuration is a T. Plan and the clients are both made from it and so cannot
// differ.
type Translation[T any] map[string]Translated[T]

// Translated is one setting in a client: what its Plan says of it, and what makes
// it true.
type Translated[T any] struct {
	Setting
	Apply   func(T) // nil: there is nothing to set
	Refused bool    // a client must not be started with it
}

// Plan is the Plan of the driver for what it is asked; chosen is that with what the
// lane puts in place of some of it.
func (t Translation[T]) Plan(asked, chosen Settings) []Setting {
	rows := make(map[string]Setting, len(t))
	for key, row := range t {
		if own := chosen.Want(key); row.Own == "" && own != asked.Want(key) {
			row.Own = own
		}
		rows[key] = row.Setting
	}
	return Rows(asked, rows)
}

// Role is what a client is for.
type Role string

// The roles. Each has sections of the settings for itself; the rest is for either.
const (
	Either    Role = ""
	Producing Role = "producing"
	Consuming Role = "consuming"
)

// RoleOf says for whom a setting is.
func RoleOf(key string) Role {
	switch section, _, _ := strings.Cut(key, "."); section {
	case "produce":
		return Producing
	case "consume", "group":
		return Consuming
	default:
		return Either
	}
}

// Apply configures a client for one role, and refuses what the client cannot do and
// would otherwise do in its own way.
func (t Translation[T]) Apply(s Settings, role Role, to T) error {
	var errs []error
	for _, key := range Keys() {
		row := t[key]
		if of := RoleOf(key); of != Either && of != role {
			continue
		}
		if row.Refused {
			errs = append(errs, fmt.Errorf("%s: %s is not possible: %s", key, s.Want(key), row.Why))
		} else if row.Apply != nil {
			row.Apply(to)
		}
	}
	return errors.Join(errs...)
}

// PartitionsOf lists partitions by topic in order, so that events and traces read
// the same from run to run.
func PartitionsOf(topics map[string][]int32) []TopicPartition {
	var list []TopicPartition
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		for _, p := range slices.Sorted(slices.Values(topics[topic])) {
			list = append(list, TopicPartition{Topic: topic, Partition: p})
		}
	}
	return list
}
