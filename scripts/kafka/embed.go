// Package kafka holds the Maven document that lists what Apache Kafka needs to
// run. It lives among the scripts because it can be used by hand, and is a
// package so that kbench carries it inside its binary.
package kafka

import _ "embed"

//go:embed pom.xml
var pom string

// POM returns the Maven document. The property kafka.version chooses the version
// of Apache Kafka.
func POM() string { return pom }
