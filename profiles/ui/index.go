package ui

import (
	"bytes"
	"html/template"
)

// Index is the page at the root.
type Index struct {
	Title  string
	Notes  []string
	Tables []Table
}

// Table is a table of it.
type Table struct {
	Title string
	Notes []string // below the title
	Head  []string
	Rows  [][]Cell
}

// Cell is text, with a link where it has one.
type Cell struct {
	Text, Link string // relative to the root
	Number     bool   // it is aligned to the right
	Warn       bool   // it is to be looked at twice
}

var front = template.Must(template.New("front").Parse(`<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{.Title}}</title><style>
body { font: 14px/1.5 -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; margin: 1.5rem; color: #222 }
h1 { font-size: 1.3em } h2 { font-size: 1.1em; margin: 1.6em 0 .3em }
p { margin: .2em 0; max-width: 60em } p, .warn { color: #844 }
table { border-collapse: collapse } th, td { padding: .15em .8em; text-align: left; border-bottom: 1px solid #ddd }
th { background: #eee; font-weight: 600 } .number { text-align: right; font-variant-numeric: tabular-nums } a { color: #2a66d9 }
</style></head><body>
<h1>{{.Title}}</h1>
{{range .Notes}}<p>{{.}}</p>
{{end}}{{range .Tables}}<h2>{{.Title}}</h2>
{{range .Notes}}<p>{{.}}</p>
{{end}}<table><tr>{{range .Head}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range .}}<td class="{{if .Number}}number {{end}}{{if .Warn}}warn{{end}}">{{if .Link}}<a href="{{.Link}}">{{.Text}}</a>{{else}}{{.Text}}{{end}}</td>{{end}}</tr>
{{end}}</table>
{{end}}</body></html>
`))

func (i Index) html() []byte {
	var out bytes.Buffer
	_ = front.Execute(&out, i) // into memory, of a template that takes all of it
	return out.Bytes()
}
