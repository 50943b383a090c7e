package cluster

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// View is a cluster that somebody else has started, for administration: its
// admin methods work until ctx is done, it has no processes, and Stop only disconnects.
func View(ctx context.Context, a Access) (*Cluster, error) {
	adm, err := newAdmin(a, kgo.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	return &Cluster{access: a, internal: adm, died: make(chan error, 1)}, nil
}
