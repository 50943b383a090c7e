package build

import (
	"slices"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// client is what is known of a client that can be built at other versions.
type client struct {
	name   string
	module string
	main   string // the directory below cmd/worker of its program
	oldest string // version that its adapter compiles against

	// before are the build tags for the parts of the adapter that older versions lack:
	// each is set for versions before one. What has one of them says in its own file
	// what is missing.
	before []threshold

	// Before moved, its module was called old.
	moved, old string
}

// threshold is a version that brought something, the one before it, and the tag that says
// that it is lacking.
type threshold struct{ version, last, tag string }

var clients = []client{
	{name: "franz-go", module: "github.com/twmb/franz-go", main: "franzgo", oldest: "v1.9.0", before: []threshold{
		{"v1.22.0", "v1.21.7", "franzgo_before_1_22"},
		{"v1.20.0", "v1.19.5", "franzgo_before_1_20"},
		{"v1.19.0", "v1.18.1", "franzgo_before_1_19"},
		{"v1.17.0", "v1.16.1", "franzgo_before_1_17"},
		{"v1.15.0", "v1.14.4", "franzgo_before_1_15"},
	}},
	{name: "sarama", module: "github.com/IBM/sarama", main: "sarama", oldest: "v1.29.0", moved: "v1.40.0", old: "github.com/Shopify/sarama", before: []threshold{
		{"v1.60.1", "v1.60.0", "sarama_before_1_60_1"},
		{"v1.50.0", "v1.49.0", "sarama_before_1_50"},
		{"v1.49.0", "v1.48.2", "sarama_before_1_49"},
		{"v1.40.0", "v1.38.1", "sarama_before_1_40"},
		{"v1.37.0", "v1.36.0", "sarama_before_1_37"},
		{"v1.34.0", "v1.33.0", "sarama_before_1_34"},
		{"v1.33.0", "v1.32.0", "sarama_before_1_33"},
		{"v1.30.0", "v1.29.1", "sarama_before_1_30"},
	}},
	{name: "kafka-go", module: "github.com/segmentio/kafka-go", main: "kafkago", oldest: "v0.4.35", before: []threshold{
		{"v0.4.41", "v0.4.40", "kafkago_before_0_4_41"},
		{"v0.4.39", "v0.4.38", "kafkago_before_0_4_39"},
		{"v0.4.38", "v0.4.37", "kafkago_before_0_4_38"},
		{"v0.4.36", "v0.4.35", "kafkago_before_0_4_36"},
	}},
}

func find(name string) (client, bool) {
	i := slices.IndexFunc(clients, func(c client) bool { return c.name == name })
	if i < 0 {
		return client{}, false
	}
	return clients[i], true
}

// Names are the clients that can be built at other versions.
func Names() (names []string) {
	for _, c := range clients {
		names = append(names, c.name)
	}
	return names
}

// path is what the module of the client is called at a version.
func (c *client) path(version string) string {
	if c.old != "" && semver.Compare(version, c.moved) < 0 {
		return c.old
	}
	return c.module
}

// tags are the sets of build tags with which a version may compile, the most likely
// first. Of a release there is one. A commit between two releases, or a directory, may
// have what the next release brought or not: that is tried, from the newest on.
func (c *client) tags(version string) (sets [][]string) {
	release := version != "" && !module.IsPseudoVersion(version)
	set := []string{}
	if release || len(c.before) == 0 {
		for _, t := range c.before {
			if semver.Compare(version, t.version) < 0 {
				set = append(set, t.tag)
			}
		}
		return [][]string{set}
	}
	for i := range len(c.before) + 1 {
		sets = append(sets, slices.Clone(set))
		if i < len(c.before) {
			set = append(set, c.before[i].tag)
		}
	}
	return sets
}
