package reader

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A Value is a piece of a document with the place where it was written. Values
// come from YAML, from the right side of a --set flag, and from Go (suites,
// cells of a matrix); the fields read all three in the same way.
type Value struct {
	At      Place
	Kind    ValueKind
	Flag    bool
	Number  float64
	Text    string // of text; of a number as it was written
	List    []Value
	Entries []Entry
}

// Entry is one field of a mapping. The same key may occur twice: the reader
// reports it, which a Go map could not.
type Entry struct {
	Key string
	At  Place
	Val Value
}

// ValueKind is what a value is.
type ValueKind int

// The kinds of values.
const (
	Nothing ValueKind = iota
	Flag
	Number
	Text
	List
	Mapping
	Broken // already reported
)

// The bounds of a document, so that a wrong file costs neither memory nor time: the
// parser takes its square of what is deep. The largest sensible one is a few
// kilobytes with some tens of fields, five deep.
const (
	MaxSource = 64 << 10 // bytes
	maxDepth  = 32       // of lists and mappings in each other
	maxItems  = 1000     // of a list or a mapping
)

// String names the value in a message.
func (v Value) String() string {
	switch v.Kind {
	case Flag:
		return strconv.FormatBool(v.Flag)
	case Number:
		return v.Text
	case Text:
		if len(v.Text) > 60 {
			return strconv.Quote(v.Text[:57] + "...")
		}
		return strconv.Quote(v.Text)
	case List:
		if len(v.List) == 0 {
			return "an empty list"
		}
		return fmt.Sprintf("a list of %d", len(v.List))
	case Mapping:
		return "a mapping"
	default:
		return "nothing"
	}
}

// Plain is the value as the Go value that encoding/json would make of it, so
// that what is stored in a Spec survives being written and read.
func (v Value) Plain() any {
	switch v.Kind {
	case Flag:
		return v.Flag
	case Number:
		return v.Number
	case Text:
		return v.Text
	case List:
		out := make([]any, len(v.List))
		for i, e := range v.List {
			out[i] = e.Plain()
		}
		return out
	case Mapping:
		out := make(map[string]any, len(v.Entries))
		for _, e := range v.Entries {
			out[e.Key] = e.Val.Plain()
		}
		return out
	default:
		return nil
	}
}

// FromGo makes a value of what encoding/json or a Go caller would hold.
func FromGo(at Place, x any) (Value, error) {
	v := Value{At: at}
	switch x := x.(type) {
	case nil:
	case bool:
		v.Kind, v.Flag = Flag, x
	case string:
		v.Kind, v.Text = Text, x
	case int:
		v.Kind, v.Number, v.Text = Number, float64(x), strconv.Itoa(x)
	case float64:
		v.Kind, v.Number, v.Text = Number, x, strconv.FormatFloat(x, 'f', -1, 64)
	case fmt.Stringer: // time.Duration, above all
		v.Kind, v.Text = Text, x.String()
	case []string:
		v.Kind = List
		for _, s := range x {
			v.List = append(v.List, Value{At: at, Kind: Text, Text: s})
		}
	case []any:
		v.Kind = List
		for _, e := range x {
			item, err := FromGo(at, e)
			if err != nil {
				return v, err
			}
			v.List = append(v.List, item)
		}
	case map[string]any:
		v.Kind = Mapping
		for _, key := range slices.Sorted(maps.Keys(x)) {
			val, err := FromGo(at, x[key])
			if err != nil {
				return v, err
			}
			v.Entries = append(v.Entries, Entry{key, at, val})
		}
	default:
		return v, fmt.Errorf("a %T cannot stand in a document; use a string, number, bool, list or mapping", x)
	}
	return v, nil
}

// FromYAML parses one YAML document: a file, or the value of a flag that is for
// the field at path. A flag has no lines, so all in it stands where it stands.
func (r *Reader) FromYAML(file, path string, src []byte) Value {
	start := Place{file, 1, 1}
	if path != "" {
		start = Place{File: file}
	}
	if len(src) > MaxSource {
		r.Fail(start, path, "the document has %d bytes, more than %d; is this %s?", len(src), MaxSource, r.Hints.Called)
		return Value{At: start, Kind: Broken}
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // some editors begin a file with it
	if at, ok := unreadable(start, src); ok {
		r.Fail(at, path, "this is not UTF-8; save the file in that encoding")
		return Value{At: start, Kind: Broken}
	}
	f, err := parseYAML(src)
	if err != nil {
		at, msg := start, ""
		deep, syntax := (*tooDeep)(nil), (*yaml.SyntaxError)(nil)
		switch {
		case errors.As(err, &deep):
			r.Fail(at.moved(deep.at), path, "%v", err)
			return Value{At: start, Kind: Broken}
		case errors.As(err, &syntax): // whose Error quotes the source, at any cost
			at, msg = at.moved(syntax.Token.Position), syntax.Message
		default:
			msg = err.Error()
		}
		if r.Secret {
			msg = "the parser stopped here"
		}
		r.Fail(at, path, "this is not YAML: %s; check indentation, quotes and brackets", msg)
		return Value{At: start, Kind: Broken}
	}
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			r.Fail(nodePlace(start, d.Body), path, "a second document begins here; a file holds one, %s", r.Hints.Several)
			return Value{At: start, Kind: Broken}
		}
		body = d.Body
	}
	if body == nil {
		return Value{At: start}
	}
	return r.fromNode(start, path, body, 0)
}

// moved is a place in the same file, or the same where that has no lines.
func (p Place) moved(to *token.Position) Place {
	if p.Line == 0 || to == nil {
		return p
	}
	return Place{p.File, max(to.Line, 1), max(to.Column, 1)}
}

// unreadable finds the first byte that is no UTF-8. A flag has no lines.
func unreadable(start Place, src []byte) (Place, bool) {
	if utf8.Valid(src) {
		return start, false
	}
	i := 0
	for {
		c, n := utf8.DecodeRune(src[i:])
		if c == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	line := bytes.LastIndexByte(src[:i], '\n') + 1
	return start.moved(&token.Position{Line: 1 + bytes.Count(src[:i], []byte("\n")), Column: 1 + utf8.RuneCount(src[line:i])}), true
}

// parseYAML turns a panic of the parser into an error: a document comes from
// outside and must never take the program down with it.
func parseYAML(src []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("the parser gave up (%v)", p)
		}
	}()
	tokens := lexer.Tokenize(string(src))
	if err := checkDepth(tokens); err != nil {
		return nil, err
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// tooDeep is a document in which lists and mappings stand too deep in each other.
type tooDeep struct{ at *token.Position }

func (*tooDeep) Error() string {
	return fmt.Sprintf("lists and mappings stand in each other more than %d deep here; check the brackets", maxDepth)
}

// checkDepth looks at what the parser would descend into. What is deep by
// indentation alone is long as well.
func checkDepth(tokens token.Tokens) error {
	brackets, row, line := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(brackets-1, 0)
		case token.SequenceEntryType, token.MappingKeyType:
			if t.Position.Line != line {
				row, line = 0, t.Position.Line
			}
			row++
		case token.AnchorType, token.TagType:
			row++
		default:
			if t.Prev == nil || t.Prev.Type != token.AnchorType { // the name of an anchor is a token of its own
				row = 0
			}
		}
		if brackets > maxDepth || row > maxDepth {
			return &tooDeep{t.Position}
		}
	}
	return nil
}

// decimal is how a number may be written. YAML would also take 010 as eight,
// which nobody means.
var decimal = regexp.MustCompile(`^[-+]?(0|[1-9][0-9_]*)?(\.[0-9]+)?$`)

// fromNode copies the syntax tree. What YAML can do beyond plain data is
// refused: a workload should be readable by someone who has never seen it.
func (r *Reader) fromNode(up Place, path string, n ast.Node, depth int) Value {
	at := nodePlace(up, n)
	v := Value{At: at}
	refuse := func(format string, args ...any) Value {
		r.Fail(at, path, format, args...)
		v.Kind = Broken
		return v
	}
	if depth > maxDepth {
		return refuse("%v", &tooDeep{})
	}
	switch n := n.(type) {
	case nil, *ast.NullNode:
		v.At = up
	case *ast.BoolNode:
		v.Kind, v.Flag = Flag, n.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		written := n.GetToken().Value
		if r.Secret {
			v.Kind, v.Text = Text, written
			break
		}
		number, err := strconv.ParseFloat(strings.ReplaceAll(written, "_", ""), 64)
		if err != nil || !decimal.MatchString(written) || math.IsInf(number, 0) {
			return refuse("%s is not a plain number; write it in decimal, without a leading zero", written)
		}
		v.Kind, v.Number, v.Text = Number, number, written
	case *ast.StringNode:
		v.Kind, v.Text = Text, n.Value
	case *ast.LiteralNode:
		v.Kind, v.Text = Text, n.Value.Value
	case *ast.SequenceNode:
		if len(n.Values) > maxItems {
			return refuse("a list of %d is too long; write at most %d entries", len(n.Values), maxItems)
		}
		v.Kind = List
		for i, item := range n.Values {
			v.List = append(v.List, r.fromNode(at, fmt.Sprintf("%s[%d]", path, i), item, depth+1))
		}
	case *ast.MappingNode:
		if len(n.Values) > maxItems {
			return refuse("a mapping of %d is too long; write at most %d fields", len(n.Values), maxItems)
		}
		v.Kind = Mapping
		for _, pair := range n.Values {
			v.Entries = append(v.Entries, r.fromPair(at, path, pair, depth+1))
		}
	case *ast.MappingValueNode:
		v.Kind, v.Entries = Mapping, []Entry{r.fromPair(at, path, n, depth+1)}
	case *ast.AnchorNode, *ast.AliasNode:
		return refuse("anchors and aliases are not read; write the value out")
	case *ast.TagNode:
		return refuse("tags are not read; write the plain value")
	default:
		return refuse("this piece of YAML is not read; write plain fields, lists and values")
	}
	return v
}

func (r *Reader) fromPair(up Place, path string, n *ast.MappingValueNode, depth int) Entry {
	at := nodePlace(up, n.Key)
	switch n.Key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		key := n.Key.GetToken().Value
		return Entry{key, at, r.fromNode(at, strings.TrimPrefix(path+"."+key, "."), n.Value, depth)}
	default:
		r.Fail(at, path, "merge keys and complex keys are not read; write plain fields")
		return Entry{"", at, Value{At: at, Kind: Broken}}
	}
}

// nodePlace is where a node begins. A mapping in block style says it begins at
// its first colon, its first key is where a reader would look.
func nodePlace(up Place, n ast.Node) Place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	if up.Line == 0 || n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return up
	}
	p := n.GetToken().Position
	return Place{up.File, max(p.Line, 1), max(p.Column, 1)}
}
