package layers

import "strings"

// frame is a function as a profile names it, taken apart:
// github.com/IBM/sarama.(*asyncProducer).dispatcher.func1 is
// asyncProducer.dispatcher.func1 of github.com/IBM/sarama.
type frame struct{ pkg, symbol string }

// assembly are functions of the runtime that the linker knows without a package.
const assembly = " gcWriteBarrier callRet indexbytebody countbody cmpbody memeqbody indexbody aeshashbody " +
	"gosave_systemstack_switch setg_gcc sigtramp debugCall32 "

func parse(name string) frame {
	name = withoutTypes(name)
	if strings.HasPrefix(name, "type:") { // a comparison or hash that the compiler made
		return frame{"runtime", name}
	}
	start := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[start:], '.')
	if dot < 0 {
		if strings.Contains(assembly, " "+name+" ") {
			return frame{"runtime", name}
		}
		return frame{"", name}
	}
	symbol := strings.NewReplacer("(*", "", "(", "", ")", "").Replace(name[start+dot+1:])
	// In the last element of a path the linker writes dots as %2e.
	return frame{strings.ReplaceAll(name[:start+dot], "%2e", "."), symbol}
}

// withoutTypes leaves out type arguments, which are full of dots and slashes.
func withoutTypes(name string) string {
	if !strings.Contains(name, "[") {
		return name
	}
	var out strings.Builder
	depth := 0
	for _, r := range name {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		default:
			if depth == 0 {
				out.WriteRune(r)
			}
		}
	}
	return out.String()
}

// standard says that a function is of the standard library or of what stands in for it,
// and so works for whoever called it.
func (f frame) standard() bool {
	if strings.HasPrefix(f.pkg, "golang.org/x/sys/") {
		return true
	}
	first, _, _ := strings.Cut(f.pkg, "/")
	return first != "" && first != "main" && !strings.Contains(first, ".") || strings.HasPrefix(f.symbol, "__vdso")
}

// rule books functions of a package to a layer.
type rule struct {
	layer Layer
	pkg   string // "a/b": that package; "a/b/...": with all below it
	// names are of functions or types, with blanks between them: a name stands for
	// itself and what is inside it (methods, closures), one with * for all that begin
	// so. Empty: all of the package.
	names string
}

// lookup is the layer of the first rule that names the function, "" where none does.
func lookup(table []rule, f frame) Layer {
	for _, r := range table {
		if r.covers(f.pkg) && (r.names == "" || r.has(f.symbol)) {
			return r.layer
		}
	}
	return ""
}

func (r rule) covers(pkg string) bool {
	tree, all := strings.CutSuffix(r.pkg, "/...")
	return pkg == tree || all && strings.HasPrefix(pkg, tree+"/")
}

func (r rule) has(symbol string) bool {
	for name := range strings.FieldsSeq(r.names) {
		if prefix, many := strings.CutSuffix(name, "*"); many {
			if strings.HasPrefix(symbol, prefix) {
				return true
			}
			continue
		}
		if rest, ok := strings.CutPrefix(symbol, name); ok && (rest == "" || rest[0] == '.' || rest[0] == '-') {
			return true
		}
	}
	return false
}
