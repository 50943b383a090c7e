package conduct_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/workloads"
)

// ruled is a cluster that lets us do what is allowed and nothing else.
func ruled(t *testing.T, allowed ...kfake.ACL) cluster.Options {
	t.Helper()
	for i := range allowed {
		allowed[i].Pattern, allowed[i].Allow = kmsg.ACLResourcePatternTypePrefixed, true
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("PLAIN", "bench", "secret", allowed...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	file := filepath.Join(t.TempDir(), "connection.yaml")
	if err := os.WriteFile(file, []byte("sasl: {mechanism: PLAIN, user: bench, password: secret}"), 0o600); err != nil {
		t.Fatal(err)
	}
	return cluster.Options{Kind: cluster.Attached, Brokers: c.ListenAddrs(), ConfigFile: file}
}

func onTopics(op kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: cluster.Prefix, Operation: op}
}

func onGroups(op kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: kmsg.ACLResourceTypeGroup, Name: cluster.Prefix, Operation: op}
}

// TestNotAllowed: what a cluster does not let us do fails a trial before a client
// starts, by its name and with what would help. No deadline has to pass.
func TestNotAllowed(t *testing.T) {
	onEmbedded(t)
	for _, c := range []struct {
		name    string
		allowed []kfake.ACL
		want    []string
	}{
		{"nothing", nil, []string{"create topic kbench-", "_AUTHORIZATION_FAILED", "allow User:bench", "--topic kbench-"}},
		{"writing", []kfake.ACL{onTopics(kmsg.ACLOperationCreate), onTopics(kmsg.ACLOperationDescribe), onTopics(kmsg.ACLOperationRead), onTopics(kmsg.ACLOperationDelete), onGroups(kmsg.ACLOperationAny)},
			[]string{"topic kbench-", "TOPIC_AUTHORIZATION_FAILED", "--operation Write", "--topic kbench-"}},
		{"reading", []kfake.ACL{onTopics(kmsg.ACLOperationCreate), onTopics(kmsg.ACLOperationDescribe), onTopics(kmsg.ACLOperationWrite), onTopics(kmsg.ACLOperationDelete), onGroups(kmsg.ACLOperationAny)},
			[]string{"topic kbench-", "TOPIC_AUTHORIZATION_FAILED", "READ is not allowed", "--operation Read", "--topic kbench-"}},
		{"group", []kfake.ACL{onTopics(kmsg.ACLOperationAll)},
			[]string{"group kbench-", "GROUP_AUTHORIZATION_FAILED", "allow User:bench", "--group kbench-"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options("denied-"+c.name, t.TempDir(), trials([]workloads.Spec{short("denied")}, "franz-go"))
			o.Broker = ruled(t, c.allowed...)
			o.ID, o.Deadlines.Stable, o.Deadlines.Start = cluster.NewRunID(), time.Hour, time.Hour
			got, err := run(t, bounded(t), o)
			if err == nil {
				t.Error("the run went well")
			}
			got.wantStates(t, "failed")
			for _, want := range c.want {
				if !strings.Contains(got.trials[0].Error, want) {
					t.Errorf("%q does not say %q", got.trials[0].Error, want)
				}
			}
			for _, w := range got.trials[0].Workers {
				if w.Name != "probe" {
					t.Errorf("worker %s was started", w.Name)
				}
			}
		})
	}
}

// TestAllowed: what is needed is enough.
func TestAllowed(t *testing.T) {
	onEmbedded(t)
	o := options("allowed", t.TempDir(), trials([]workloads.Spec{short("allowed")}, "franz-go"))
	o.Broker = ruled(t,
		onTopics(kmsg.ACLOperationCreate), onTopics(kmsg.ACLOperationDescribe), onTopics(kmsg.ACLOperationRead), onTopics(kmsg.ACLOperationWrite), onTopics(kmsg.ACLOperationDelete),
		onGroups(kmsg.ACLOperationRead), onGroups(kmsg.ACLOperationDescribe), onGroups(kmsg.ACLOperationDelete))
	o.ID = cluster.NewRunID()
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Error(err)
	}
	got.wantStates(t, "complete")
}
