package workloads

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A value is a piece of a document with the place where it was written. Values
// come from YAML, from the right side of a --set flag, and from Go (suites,
// cells of a matrix); the fields read all three in the same way.
type value struct {
	at      place
	kind    valueKind
	flag    bool
	number  float64
	text    string // of text; of a number as it was written
	list    []value
	entries []entry
}

// entry is one field of a mapping. The same key may occur twice: the reader
// reports it, which a Go map could not.
type entry struct {
	key string
	at  place
	val value
}

type valueKind int

const (
	nothing valueKind = iota
	flagValue
	numberValue
	textValue
	listValue
	mapValue
	brokenValue // already reported
)

// maxSource bounds a document. The largest sensible one is a few kilobytes; the
// bound keeps the recursive parser from being driven deep by a wrong file.
const maxSource = 128 << 10

// String names the value in a message.
func (v value) String() string {
	switch v.kind {
	case flagValue:
		return strconv.FormatBool(v.flag)
	case numberValue:
		return v.text
	case textValue:
		if len(v.text) > 60 {
			return strconv.Quote(v.text[:57] + "...")
		}
		return strconv.Quote(v.text)
	case listValue:
		if len(v.list) == 0 {
			return "an empty list"
		}
		return fmt.Sprintf("a list of %d", len(v.list))
	case mapValue:
		return "a mapping"
	default:
		return "nothing"
	}
}

// plain is the value as the Go value that encoding/json would make of it, so
// that what is stored in a Spec survives being written and read.
func (v value) plain() any {
	switch v.kind {
	case flagValue:
		return v.flag
	case numberValue:
		return v.number
	case textValue:
		return v.text
	case listValue:
		out := make([]any, len(v.list))
		for i, e := range v.list {
			out[i] = e.plain()
		}
		return out
	case mapValue:
		out := make(map[string]any, len(v.entries))
		for _, e := range v.entries {
			out[e.key] = e.val.plain()
		}
		return out
	default:
		return nil
	}
}

// fromGo makes a value of what encoding/json or a Go caller would hold.
func fromGo(at place, x any) (value, error) {
	v := value{at: at}
	switch x := x.(type) {
	case nil:
	case bool:
		v.kind, v.flag = flagValue, x
	case string:
		v.kind, v.text = textValue, x
	case int:
		v.kind, v.number, v.text = numberValue, float64(x), strconv.Itoa(x)
	case float64:
		v.kind, v.number, v.text = numberValue, x, strconv.FormatFloat(x, 'f', -1, 64)
	case fmt.Stringer: // time.Duration, above all
		v.kind, v.text = textValue, x.String()
	case []string:
		v.kind = listValue
		for _, s := range x {
			v.list = append(v.list, value{at: at, kind: textValue, text: s})
		}
	case []any:
		v.kind = listValue
		for _, e := range x {
			item, err := fromGo(at, e)
			if err != nil {
				return v, err
			}
			v.list = append(v.list, item)
		}
	case map[string]any:
		v.kind = mapValue
		for key, e := range x {
			val, err := fromGo(at, e)
			if err != nil {
				return v, err
			}
			v.entries = append(v.entries, entry{key, at, val})
		}
		sort.Slice(v.entries, func(i, j int) bool { return v.entries[i].key < v.entries[j].key })
	default:
		return v, fmt.Errorf("a %T cannot stand in a document; use a string, number, bool, list or mapping", x)
	}
	return v, nil
}

// fromYAML parses one YAML document: a file, or the value of a flag that is for
// the field at path. A flag has no lines, so all in it stands where it stands.
func (r *reader) fromYAML(file, path string, src []byte) value {
	start := place{file, 1, 1}
	if path != "" {
		start = place{file: file}
	}
	if len(src) > maxSource {
		r.fail(start, path, "the document has %d bytes, more than %d; is this a workload?", len(src), maxSource)
		return value{at: start, kind: brokenValue}
	}
	f, err := parseYAML(src)
	if err != nil {
		at, msg := start, err.Error()
		if syntax := (*yaml.SyntaxError)(nil); errors.As(err, &syntax) {
			msg = syntax.Message
			if p := syntax.Token.Position; path == "" && p != nil {
				at = place{file, max(p.Line, 1), max(p.Column, 1)}
			}
		}
		r.fail(at, path, "this is not YAML: %s; check indentation, quotes and brackets", msg)
		return value{at: start, kind: brokenValue}
	}
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			r.fail(nodePlace(start, d.Body), path, "a second document begins here; a file holds one, write a suite to run several")
			return value{at: start, kind: brokenValue}
		}
		body = d.Body
	}
	if body == nil {
		return value{at: start}
	}
	return r.fromNode(start, path, body)
}

// parseYAML turns a panic of the parser into an error: a document comes from
// outside and must never take the program down with it.
func parseYAML(src []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("the parser gave up (%v)", p)
		}
	}()
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

// decimal is how a number may be written. YAML would also take 010 as eight,
// which nobody means.
var decimal = regexp.MustCompile(`^[-+]?(0|[1-9][0-9_]*)?(\.[0-9]+)?$`)

// fromNode copies the syntax tree. What YAML can do beyond plain data is
// refused: a workload should be readable by someone who has never seen it.
func (r *reader) fromNode(up place, path string, n ast.Node) value {
	at := nodePlace(up, n)
	v := value{at: at}
	refuse := func(format string, args ...any) value {
		r.fail(at, path, format, args...)
		v.kind = brokenValue
		return v
	}
	switch n := n.(type) {
	case nil, *ast.NullNode:
		v.at = up
	case *ast.BoolNode:
		v.kind, v.flag = flagValue, n.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		written := n.GetToken().Value
		number, err := strconv.ParseFloat(strings.ReplaceAll(written, "_", ""), 64)
		if err != nil || !decimal.MatchString(written) || math.IsInf(number, 0) {
			return refuse("%s is not a plain number; write it in decimal, without a leading zero", written)
		}
		v.kind, v.number, v.text = numberValue, number, written
	case *ast.StringNode:
		v.kind, v.text = textValue, n.Value
	case *ast.LiteralNode:
		v.kind, v.text = textValue, n.Value.Value
	case *ast.SequenceNode:
		v.kind = listValue
		for i, item := range n.Values {
			v.list = append(v.list, r.fromNode(at, fmt.Sprintf("%s[%d]", path, i), item))
		}
	case *ast.MappingNode:
		v.kind = mapValue
		for _, pair := range n.Values {
			v.entries = append(v.entries, r.fromPair(at, path, pair))
		}
	case *ast.MappingValueNode:
		v.kind, v.entries = mapValue, []entry{r.fromPair(at, path, n)}
	case *ast.AnchorNode, *ast.AliasNode:
		return refuse("anchors and aliases are not read; write the value out")
	case *ast.TagNode:
		return refuse("tags are not read; write the plain value")
	default:
		return refuse("this piece of YAML is not read; write plain fields, lists and values")
	}
	return v
}

func (r *reader) fromPair(up place, path string, n *ast.MappingValueNode) entry {
	at := nodePlace(up, n.Key)
	switch n.Key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		key := n.Key.GetToken().Value
		return entry{key, at, r.fromNode(at, strings.TrimPrefix(path+"."+key, "."), n.Value)}
	default:
		r.fail(at, path, "merge keys and complex keys are not read; write plain fields")
		return entry{"", at, value{at: at, kind: brokenValue}}
	}
}

// nodePlace is where a node begins. A mapping in block style says it begins at
// its first colon, its first key is where a reader would look.
func nodePlace(up place, n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	if up.line == 0 || n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return up
	}
	p := n.GetToken().Position
	return place{up.file, max(p.Line, 1), max(p.Column, 1)}
}
