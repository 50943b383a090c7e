package franzgo

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
)

// A record that is used again looks like one that was never sent, whatever the client
// left in it. A field that the client may come to have is missed here first.
func TestRenew(t *testing.T) {
	m := &drivers.Msg{Topic: "t", Partition: 7, Key: []byte("k"), Value: []byte("v")}
	background := context.Background()
	used := &record{Record: kgo.Record{
		Key: []byte("old"), Value: []byte("old value"), Timestamp: time.Unix(1, 2), Topic: "old", Partition: 1,
		ProducerEpoch: 2, ProducerID: 3, LeaderEpoch: 4, Offset: 5, Context: background,
	}}
	used.renew(m)
	want := kgo.Record{Topic: "t", Partition: 7, Key: m.Key, Value: m.Value, Context: background}
	if !reflect.DeepEqual(used.Record, want) {
		t.Errorf("%+v, want %+v", used.Record, want)
	}
	// Shorter, in the same memory, and without a key.
	long := []byte("a longer value")
	used.renew(&drivers.Msg{Topic: "t", Value: long})
	used.renew(&drivers.Msg{Topic: "t", Value: long[:4]})
	if string(used.Value) != "a lo" || used.Key != nil {
		t.Errorf("%q, key %q", used.Value, used.Key)
	}
	if fields := reflect.TypeFor[kgo.Record]().NumField(); fields != 12 {
		t.Errorf("a record has %d fields now; does renew know them?", fields)
	}
}
