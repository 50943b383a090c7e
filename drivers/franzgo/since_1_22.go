//go:build !franzgo_before_1_22

package franzgo

import "github.com/twmb/franz-go/pkg/kgo"

// serverSide is the group protocol consumer.
func serverSide() (native string, opts []kgo.Opt) {
	return "ServerSideBalancer", []kgo.Opt{kgo.ServerSideBalancer()}
}
