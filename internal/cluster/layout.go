package cluster

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// layout is where everything of an Apache Kafka cluster is: files below dir, and
// three listeners per node. Clients use the first, with the security that was
// asked for; brokers speak to each other on the second, and controllers on the
// third, both in plain text on the loopback interface.
type layout struct {
	dir    string
	ports  []int
	nodes  int
	props  map[string]string
	access Access
}

const portsPerNode = 3

func (l layout) id(n int) int             { return n + 1 }
func (l layout) port(n, listener int) int { return l.ports[n*portsPerNode+listener] }
func (l layout) node(n int) string        { return filepath.Join(l.dir, "node"+strconv.Itoa(l.id(n))) }
func (l layout) properties(n int) string  { return filepath.Join(l.node(n), "server.properties") }
func (l layout) data(n int) string        { return filepath.Join(l.node(n), "data") }
func (l layout) log(n int) string         { return filepath.Join(l.node(n), "log.txt") }
func (l layout) logConfig() string        { return filepath.Join(l.dir, "log4j2.properties") }
func (l layout) keystore() string         { return filepath.Join(l.dir, "broker.pem") }

func (l layout) seeds() []string         { return l.addresses(0) }
func (l layout) internalSeeds() []string { return l.addresses(1) }

func (l layout) addresses(listener int) []string {
	var s []string
	for n := range l.nodes {
		s = append(s, address(l.port(n, listener)))
	}
	return s
}

// logProperties sends warnings to the standard output, which is the node's log,
// and what the group coordinator says of its groups: the broker's own account of
// joins, evictions and generations, a few lines for each.
const logProperties = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS}{UTC} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.groups.name = org.apache.kafka.coordinator.group.GroupMetadataManager
logger.groups.level = info
`

// write writes every file but the data. Those with keys and passwords can be read
// by this user alone.
func (l layout) write(id *identity) error {
	if err := os.WriteFile(l.logConfig(), []byte(logProperties), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if id != nil {
		if err := os.WriteFile(l.keystore(), append(slices.Clone(id.key), id.cert...), 0o600); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	for n := range l.nodes {
		props, err := l.server(n)
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, key := range slices.Sorted(maps.Keys(props)) {
			fmt.Fprintf(&text, "%s=%s\n", key, escapeProperty(props[key]))
		}
		if err := errors.Join(
			os.MkdirAll(l.node(n), 0o700),
			os.WriteFile(l.properties(n), []byte(text.String()), 0o600),
		); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	return nil
}

// escapeProperty writes a value so that a Java properties file gives it back. The
// other special characters are special in keys or at the start only.
func escapeProperty(v string) string {
	v = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\f", `\f`).Replace(v)
	if strings.HasPrefix(v, " ") {
		v = `\` + v
	}
	return v
}

// server is the server.properties of a node: what its place in the cluster fixes,
// then what measuring needs, then the user's own.
func (l layout) server(n int) (map[string]string, error) {
	var voters []string
	for m := range l.nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", l.id(m), address(l.port(m, 2))))
	}
	fixed := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        strconv.Itoa(l.id(n)),
		"controller.quorum.voters":       strings.Join(voters, ","),
		"listeners":                      fmt.Sprintf("CLIENT://%s,INTERNAL://%s,CONTROLLER://%s", address(l.port(n, 0)), address(l.port(n, 1)), address(l.port(n, 2))),
		"advertised.listeners":           fmt.Sprintf("CLIENT://%s,INTERNAL://%s", address(l.port(n, 0)), address(l.port(n, 1))),
		"listener.security.protocol.map": fmt.Sprintf("CLIENT:%s,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT", l.protocol()),
		"inter.broker.listener.name":     "INTERNAL",
		"controller.listener.names":      "CONTROLLER",
		"log.dirs":                       l.data(n),
	}
	maps.Copy(fixed, l.security())

	replication := strconv.Itoa(min(l.nodes, 3))
	isr := strconv.Itoa(min(l.nodes, 2))
	props := map[string]string{
		// The internal topics must fit the number of nodes.
		"offsets.topic.replication.factor":                 replication,
		"transaction.state.log.replication.factor":         replication,
		"transaction.state.log.min.isr":                    isr,
		"share.coordinator.state.topic.replication.factor": replication,
		"share.coordinator.state.topic.min.isr":            isr,

		// A topic exists when kbench has made it, not when a client asks.
		"auto.create.topics.enable": "false",

		// Leaders move when an act has them move, and go back after the trial, and not in
		// the middle of one because five minutes have passed.
		"auto.leader.rebalance.enable": "false",

		// Workloads may ask for quicker groups than the defaults allow.
		"group.min.session.timeout.ms":             strconv.FormatInt(minSession.Milliseconds(), 10),
		"group.consumer.min.session.timeout.ms":    strconv.FormatInt(minSession.Milliseconds(), 10),
		"group.consumer.max.session.timeout.ms":    "1800000", // as in the classic protocol
		"group.consumer.min.heartbeat.interval.ms": "10",
		"group.consumer.max.heartbeat.interval.ms": "600000",

		// Stated, because every acks=all produce waits this long for a dead
		// follower, whatever the client.
		"broker.session.timeout.ms": "9000",

		// Topics are deleted after each trial; their disk must come back soon.
		"log.segment.delete.delay.ms":     "1000",
		"log.retention.check.interval.ms": "5000",
	}
	for _, key := range slices.Sorted(maps.Keys(l.props)) {
		if _, taken := fixed[key]; taken {
			return nil, fmt.Errorf("broker property %s cannot be set: it follows from the nodes and their security", key)
		}
		props[key] = l.props[key]
	}
	maps.Copy(props, fixed)
	return props, nil
}

// protocol is the security protocol of the listener for clients.
func (l layout) protocol() string {
	switch {
	case l.access.TLS != nil && l.access.SASL != nil:
		return "SASL_SSL"
	case l.access.TLS != nil:
		return "SSL"
	case l.access.SASL != nil:
		return "SASL_PLAINTEXT"
	default:
		return "PLAINTEXT"
	}
}

// security is the part of server.properties about TLS and SASL.
func (l layout) security() map[string]string {
	props := map[string]string{}
	if l.access.TLS != nil {
		props["ssl.keystore.type"] = "PEM"
		props["ssl.keystore.location"] = l.keystore()
	}
	if s := l.access.SASL; s != nil {
		props["sasl.enabled.mechanisms"] = s.Mechanism
		key := "listener.name.client." + strings.ToLower(s.Mechanism) + ".sasl.jaas.config"
		if s.Mechanism == "PLAIN" {
			props[key] = fmt.Sprintf(`org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%s;`, s.User, quoteJAAS(s.Password))
		} else {
			props[key] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
	}
	return props
}

// quoteJAAS quotes a value of a JAAS line.
func quoteJAAS(v string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}

// freePorts returns ports of the loopback interface that are free now. They are
// held together while they are chosen, so that none comes twice.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
