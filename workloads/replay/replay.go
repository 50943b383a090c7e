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
}

// Cases are all of them.
func Cases() []Case {
	return []Case{
		{"join-sleeps", "sarama", "v1.41.3", "v1.40.1", "matched", "a join sleeps the rejoin backoff of 2 s after it was told its id"},
		{"cooperative-still-eager", "sarama", "v1.60.1", "v1.61.1", "matched", "the assignor is cooperative, the session still eager"},
		{"linger-by-default", "franz-go", "v1.20.0", "v1.19.5", "stock", "one who sends and waits pays a default linger of 10 ms"},
		{"linger-early", "franz-go", "v1.19.5", "v1.20.0", "matched", "a linger fires early, so that batches are small"},
		{"idle-fetch", "franz-go", "v1.9.0", "v1.10.3", "matched", "an idle fetch begins its session anew, up to 100 ms late"},
		{"zstd-encoders", "sarama", "v1.48.1", "v1.48.2", "matched", "encoders of zstd are made and thrown away"},
		{"zstd-many-procs", "sarama", "v1.37.2", "v1.38.0", "matched", "an encoder of zstd has a buffer for every processor"},
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
