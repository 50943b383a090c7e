// Package replay holds workloads that show what was wrong with old releases of the
// clients, with the two releases between which it came or went. Each is an ordinary
// workload with a gate, which the one release is said to miss and the other to meet: by
// changelogs, commits and issues, until somebody has run it.
package replay

import (
	"embed"
	"slices"
)

//go:embed *.yaml
var documents embed.FS

// Case is one claim.
type Case struct {
	Name   string // of its workload: replay/NAME
	Client string
	Bad    string
	Good   string
	Lane   string
	What   string // in few words

	// Properties of the broker, name=value, without which it does not show, the number
	// of its nodes (0: as many as there are by default) and its kind where one alone has
	// what it takes.
	Properties []string
	Nodes      int
	Broker     string
}

// Cases are all of them.
func Cases() []Case {
	return []Case{
		{Name: "join-sleeps", Client: "sarama", Bad: "v1.41.3", Good: "v1.40.1", Lane: "matched",
			What: "a join sleeps the rejoin backoff of 2 s after it was told its id"},
		{Name: "cooperative-still-eager", Client: "sarama", Bad: "v1.60.1", Good: "v1.61.1", Lane: "matched",
			What: "the assignor is cooperative, the session still eager"},
		{Name: "commits-lost", Client: "kafka-go", Bad: "v0.4.37", Good: "v0.4.38", Lane: "matched",
			What: "what is marked when a generation ends is not committed", Nodes: 1},
		{Name: "stranded-batch", Client: "sarama", Bad: "v1.60.0", Good: "v1.60.1", Lane: "matched",
			What: "a batch waits behind one that is sent again, and nobody wakes it", Properties: []string{"connections.max.idle.ms=1000"}},
		{Name: "lost-connection", Client: "sarama", Bad: "v1.31.1", Good: "v1.33.0", Lane: "matched",
			What: "a producer waits for ever after it lost a connection", Properties: []string{"connections.max.idle.ms=1000"}},
		{Name: "offset-load-race", Client: "franz-go", Bad: "v1.21.3", Good: "v1.21.4", Lane: "matched",
			What: "a session that ends while offsets are looked up burns a processor for seconds"},
		{Name: "acked-late", Client: "franz-go", Bad: "v1.21.3", Good: "v1.21.4", Lane: "matched",
			What: "under KIP-848 partitions that were given are acknowledged a heartbeat late"},
		{Name: "fetch-wait-by-default", Client: "sarama", Bad: "v1.33.0", Good: "v1.32.0", Lane: "stock",
			What: "a fetch waits 500 ms by default, where it waited 250 ms"},
		{Name: "linger-by-default", Client: "franz-go", Bad: "v1.20.0", Good: "v1.19.5", Lane: "stock",
			What: "one who sends and waits pays a default linger of 10 ms"},
		{Name: "linger-early", Client: "franz-go", Bad: "v1.19.5", Good: "v1.20.0", Lane: "matched",
			What: "a linger fires early, so that batches are small"},
		{Name: "idle-fetch", Client: "franz-go", Bad: "v1.9.0", Good: "v1.10.3", Lane: "matched",
			What: "an idle fetch begins its session anew, up to 100 ms late"},
		{Name: "zstd-encoders", Client: "sarama", Bad: "v1.48.1", Good: "v1.48.2", Lane: "matched",
			What: "encoders of zstd are made and thrown away"},
		{Name: "revoked-kept", Client: "franz-go", Bad: "v1.22.1", Good: "v1.22.2", Lane: "matched",
			What: "a member that is looking up offsets when the next rebalance begins goes on with partitions that it gave up", Broker: "embedded"},
		{Name: "metadata-storm", Client: "sarama", Bad: "v1.45.2", Good: "v1.46.0", Lane: "matched",
			What: "every partition that lost its leader asks for metadata on its own"},
		{Name: "zstd-many-procs", Client: "sarama", Bad: "v1.37.2", Good: "v1.38.0", Lane: "matched",
			What: "an encoder of zstd has a buffer for every processor"},
	}
}

// Source is the text of the workload of a name.
func Source(name string) ([]byte, bool) {
	if !slices.ContainsFunc(Cases(), func(c Case) bool { return c.Name == name }) {
		return nil, false
	}
	src, err := documents.ReadFile(name + ".yaml")
	return src, err == nil
}
