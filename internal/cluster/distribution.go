package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kbench/kbench/internal/launch"
)

// distribution is what runs Apache Kafka: a JVM and the jars.
type distribution struct {
	java        string // the program
	javaVersion string
	libs        string // the directory of the jars
	version     string // of Apache Kafka
}

// mavenDocument lists what Apache Kafka needs to run. Its property kafka.version
// chooses the version, and it can be used by hand as it is.
//
//go:embed pom.xml
var mavenDocument string

// without ends every message about something that is not installed.
const without = "; --broker embedded works without Java and Maven"

// oldestJava is what the brokers of Apache Kafka 4 need.
const oldestJava = 17

// findDistribution finds a JVM, and the jars in KAFKA_HOME or else in the cache,
// which Maven fills at the first use of a version.
func findDistribution(ctx context.Context, o Options, getenv func(string) string) (d distribution, err error) {
	if d.java, d.javaVersion, err = findJava(ctx, getenv); err != nil {
		return d, err
	}
	if home := getenv("KAFKA_HOME"); home != "" {
		d.libs, d.version, err = inHome(home, o.Version)
		return d, err
	}
	d.version = o.Version
	if d.version == "" {
		d.version = DefaultVersion
	}
	if err := checkVersion(d.version); err != nil {
		return d, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return d, fmt.Errorf("no cache directory for Apache Kafka: %w; set XDG_CACHE_HOME, or KAFKA_HOME to an unpacked Apache Kafka", err)
	}
	d.libs, err = fromMaven(ctx, o, filepath.Join(cache, "kbench", "kafka"), d.version, getenv)
	return d, err
}

var versionShape = regexp.MustCompile(`^([0-9]+)(\.[0-9]+){1,2}(-[A-Za-z0-9.]+)?$`)

// checkVersion refuses what is not a version and what is older than the node
// configuration here.
func checkVersion(v string) error {
	m := versionShape.FindStringSubmatch(v)
	if m == nil {
		return fmt.Errorf("kafka version %q: write it as %s", v, DefaultVersion)
	}
	if major, _ := strconv.Atoi(m[1]); major < 4 { // digits only, and any overflow is not below 4
		return fmt.Errorf("kafka version %s is too old to be started here: use 4.0.0 or newer, or attach to such a cluster with --brokers", v)
	}
	return nil
}

func findJava(ctx context.Context, getenv func(string) string) (path, version string, err error) {
	path = "java"
	if home := getenv("JAVA_HOME"); home != "" {
		path = filepath.Join(home, "bin", "java")
	}
	if path, err = exec.LookPath(path); err != nil {
		return "", "", fmt.Errorf("no Java found (%w): install a JDK %d or newer, or set JAVA_HOME%s", err, oldestJava, without)
	}
	text, err := run(ctx, path, "-version")
	if err != nil {
		return "", "", fmt.Errorf("%s -version: %w", path, err)
	}
	version, major := parseJavaVersion(text)
	if major < oldestJava {
		return "", "", fmt.Errorf("%s is Java %s: Apache Kafka needs %d or newer: install one, or set JAVA_HOME%s", path, version, oldestJava, without)
	}
	return path, version, nil
}

var javaVersionLine = regexp.MustCompile(`version "(([0-9]+)[^"]*)"`)

// parseJavaVersion reads the output of java -version. Java 8 called itself 1.8,
// which is too old either way.
func parseJavaVersion(text string) (version string, major int) {
	m := javaVersionLine.FindStringSubmatch(text)
	if m == nil {
		return "of an unknown version", 0
	}
	major, _ = strconv.Atoi(m[2])
	return m[1], major
}

var clientsJar = regexp.MustCompile(`^kafka-clients-([0-9][^/]*)\.jar$`)

// inHome finds the jars of an unpacked Apache Kafka and its version.
func inHome(home, want string) (libs, version string, err error) {
	libs = filepath.Join(home, "libs")
	entries, err := os.ReadDir(libs)
	if err != nil {
		return "", "", fmt.Errorf("KAFKA_HOME is set, but holds no jars: %w; point it to an unpacked Apache Kafka or unset it", err)
	}
	for _, e := range entries {
		if m := clientsJar.FindStringSubmatch(e.Name()); m != nil {
			version = m[1]
		}
	}
	switch {
	case version == "":
		return "", "", fmt.Errorf("KAFKA_HOME is set, but %s holds no kafka-clients jar; point it to an unpacked Apache Kafka or unset it", libs)
	case want != "" && want != version:
		return "", "", fmt.Errorf("KAFKA_HOME holds Apache Kafka %s, but %s is wanted; unset KAFKA_HOME to fetch it, or leave the version out", version, want)
	}
	return libs, version, checkVersion(version)
}

// fromMaven returns the directory of the jars of a version, fetched at first use.
// It is complete or it is not there: Maven writes beside it, and a rename ends the
// work. A lock makes several starts fetch once. The name carries a hash of the
// Maven document, so that a newer kbench does not run on an older one's jars.
func fromMaven(ctx context.Context, o Options, cache, version string, getenv func(string) string) (string, error) {
	sum := sha256.Sum256([]byte(mavenDocument))
	libs := filepath.Join(cache, fmt.Sprintf("%s-%x", version, sum[:4]))
	if isDir(libs) {
		return libs, nil
	}
	mvn := "mvn"
	if home := getenv("MAVEN_HOME"); home != "" {
		mvn = filepath.Join(home, "bin", "mvn")
	}
	mvn, err := exec.LookPath(mvn)
	if err != nil {
		return "", fmt.Errorf("no Maven found (%w): install Maven 3.6 or newer, or set KAFKA_HOME to an unpacked Apache Kafka%s", err, without)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("cache of Apache Kafka: %w", err)
	}
	o.allowMore(fetchLimit) // for whoever fetches it
	unlock, err := lock(ctx, filepath.Join(cache, ".lock"))
	if err != nil {
		return "", fmt.Errorf("cache of Apache Kafka: %w", err)
	}
	defer unlock()
	if isDir(libs) { // by whoever had the lock before
		return libs, nil
	}
	o.progress("fetching Apache Kafka %s with Maven, once (about 45 MB)", version)
	// What a killed one left: the lock is ours.
	left, _ := filepath.Glob(filepath.Join(cache, ".fetch-*")) // the pattern is a good one
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
	work, err := os.MkdirTemp(cache, ".fetch-")
	if err != nil {
		return "", fmt.Errorf("cache of Apache Kafka: %w", err)
	}
	defer os.RemoveAll(work)
	pom := filepath.Join(work, "pom.xml")
	if err := os.WriteFile(pom, []byte(mavenDocument), 0o644); err != nil {
		return "", fmt.Errorf("cache of Apache Kafka: %w", err)
	}
	jars := filepath.Join(work, "libs")
	text, err := run(ctx, mvn, "-B", "-q", "-f", pom, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+jars, "-Dkafka.version="+version)
	if err != nil {
		return "", fmt.Errorf("fetch Apache Kafka %s with Maven: %w: %s%s", version, err, mavenComplaint(text), without)
	}
	if err := os.Rename(jars, libs); err != nil {
		return "", fmt.Errorf("cache of Apache Kafka: %w", err)
	}
	return libs, nil
}

// mavenComplaint is the first error that Maven printed: the others say how to ask
// for more output.
func mavenComplaint(text string) string {
	for line := range strings.Lines(text) {
		if _, complaint, ok := strings.Cut(line, "ERROR]"); ok {
			return strings.TrimSpace(strings.TrimPrefix(complaint, "\x1b[m"))
		}
	}
	return lastLines(text, 3)
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// lock takes a lock that the kernel gives back when this process ends, however it
// does, and waits for it until ctx is done.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("lock %s, held by another kbench: %w", path, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// run runs a program to its end and returns what it printed. It does not outlive
// this process.
func run(ctx context.Context, path string, args ...string) (string, error) {
	var complaints bytes.Buffer
	p, err := launch.Local{}.Start(ctx, launch.Spec{Path: path, Args: args, Stderr: &complaints})
	if err != nil {
		return "", err
	}
	_ = p.Stdin().Close()
	printed, readErr := io.ReadAll(p.Stdout())
	exit := p.Wait()
	text := complaints.String() + string(printed)
	if err := ctx.Err(); err != nil {
		return text, err
	}
	if !exit.OK() {
		return text, fmt.Errorf("it %s", exit)
	}
	return text, readErr
}

// lastLines is the end of a text, on one line.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, " | ")
}
