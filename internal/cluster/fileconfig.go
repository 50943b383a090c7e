package cluster

import (
	"maps"
	"slices"
	"strings"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/regular"
	"github.com/kbench/kbench/workloads/reader"
)

// readFileConfig reads a connection file. The reader keeps what stands in it out of
// messages, and so does everything here: it may be the password.
func readFileConfig(file string) (conf FileConfig, err error) {
	text, err := regular.Read(file, reader.MaxSource)
	if err != nil {
		return conf, err
	}
	r := reader.New(&reader.Field{}, reader.Place{File: file, Line: 1, Col: 1})
	r.Secret = true
	r.Hints = reader.Hints{Called: "a connection file", Several: "of one cluster"}
	v := r.FromYAML(file, "", text)
	if v.Kind == reader.Nothing {
		return conf, nil
	}
	section(r, "", v, map[string]func(reader.Value){
		"tls": func(v reader.Value) {
			t := &FileTLS{}
			conf.TLS = t
			section(r, "tls", v, map[string]func(reader.Value){
				"ca":          textInto(r, "tls.ca", &t.CA),
				"cert":        textInto(r, "tls.cert", &t.Cert),
				"key":         textInto(r, "tls.key", &t.Key),
				"server_name": textInto(r, "tls.server_name", &t.ServerName),
				"insecure": func(v reader.Value) {
					if t.Insecure = v.Flag; v.Kind != reader.Flag {
						r.Fail(v.At, "tls.insecure", "%s is not a truth value; write true or false", shape(v))
					}
				},
			})
		},
		"sasl": func(v reader.Value) {
			s := &drivers.SASL{}
			conf.SASL = s
			section(r, "sasl", v, map[string]func(reader.Value){
				"mechanism": textInto(r, "sasl.mechanism", &s.Mechanism),
				"user":      textInto(r, "sasl.user", &s.User),
				"password":  textInto(r, "sasl.password", &s.Password),
			})
		},
	})
	if len(r.Problems) > 0 {
		return conf, r.Problems.Sorted()
	}
	return conf, nil
}

// section reads the fields of a mapping.
func section(r *reader.Reader, path string, v reader.Value, fields map[string]func(reader.Value)) {
	names := strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
	switch v.Kind {
	case reader.Broken:
		return
	case reader.Mapping:
	default:
		r.Fail(v.At, path, "%s stands where there should be fields; write some of %s", shape(v), names)
		return
	}
	for e := range r.Once(path, v) {
		switch read := fields[e.Key]; {
		case read == nil:
			r.Fail(e.At, strings.TrimPrefix(path+"."+e.Key, "."), "is not a field; there are %s", names)
		case e.Val.Kind != reader.Broken:
			read(e.Val)
		}
	}
}

// textInto reads a text.
func textInto(r *reader.Reader, path string, into *string) func(reader.Value) {
	return func(v reader.Value) {
		if *into = v.Text; v.Kind != reader.Text {
			r.Fail(v.At, path, "%s is not text; write it in quotes", shape(v))
		}
	}
}

// shape names a value without what it is.
func shape(v reader.Value) string {
	switch v.Kind {
	case reader.Text:
		return "a text"
	case reader.Flag:
		return "a truth value"
	default:
		return v.String()
	}
}
