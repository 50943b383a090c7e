package reader

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// recipe is a document of these tests: the reader knows no workload.
type recipe struct {
	Name  string    `json:"name" is:"text 9" doc:"What it is called."`
	Notes string    `json:"notes,omitempty" is:"text 20" doc:"For people."`
	Oven  oven      `json:"oven" doc:"How it is baked."`
	Loaf  loaf      `json:"loaf" doc:"What comes out."`
	Tags  []string  `json:"tags,omitempty" is:"tags" doc:"Where it is listed."`
	Fan   *bool     `json:"fan,omitempty" doc:"Whether it blows."`
	Mood  strangely `json:"mood" is:"mood" default:"calm" doc:"Of the baker."`
}

type oven struct {
	Heat int           `json:"heat" is:"1 to 300" default:"220" doc:"Degrees."`
	Time time.Duration `json:"time" is:"1m to 2h" default:"45m" doc:"How long."`
	Mode string        `json:"mode" is:"top bottom both" default:"both" doc:"Which side."`
	Door bool          `json:"door" default:"true" doc:"Whether it is shut."`
}

type loaf struct {
	Salt float64 `json:"salt" is:"0 to 0.5" doc:"Share of the flour."`
	Size int     `json:"size" is:"bytes 16 to 4KiB" default:"1KiB" doc:"Of its picture."`
}

type strangely struct{ word string }

func recipes() *Field {
	return Fields[recipe]("A recipe.", map[string]Kind{
		"tags": Words(Object{"type": "string"}, func(r *Reader, v Value) string { return r.Checked("tag", v.Text) }),
		"mood": Scalar(WordSchema([]string{"calm"}), func(v Value) (strangely, string) {
			w, wrong := ParseWord(v, []string{"calm", "wild"})
			return strangely{w}, wrong
		}),
	})
}

// read reads a recipe over the defaults.
func read(src string) (recipe, *Reader) {
	var doc recipe
	root := recipes()
	root.Fill(&doc)
	r := New(root, Place{"r.yaml", 1, 1})
	r.Check = map[string]func(string) error{"tag": func(text string) error {
		if text == "rye" {
			return errors.New("there is no rye; write wheat")
		}
		return nil
	}}
	if v := r.FromYAML("r.yaml", "", []byte(src)); v.Kind != Broken {
		r.Read(root, v, &doc)
	}
	return doc, r
}

func TestReadOverDefaults(t *testing.T) {
	got, r := read("name: bun\noven: {time: 20m, door: false}\nloaf:\n  size: 2KiB\n  salt: 0.02\ntags: [soft, sweet]\nfan: false\nmood: wild\n")
	if len(r.Problems) > 0 {
		t.Fatal(r.Problems)
	}
	off := false
	want := recipe{
		Name: "bun", Oven: oven{Heat: 220, Time: 20 * time.Minute, Mode: "both"}, Loaf: loaf{Salt: 0.02, Size: 2048},
		Tags: []string{"soft", "sweet"}, Fan: &off, Mood: strangely{"wild"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if at := r.Written["loaf.salt"]; at != (Place{"r.yaml", 5, 9}) {
		t.Errorf("salt was written at %v", at)
	}
}

// TestEveryProblemAtOnce: each in its place, and what is right is read all the same.
func TestEveryProblemAtOnce(t *testing.T) {
	got, r := read(`name: My very own Bun
notes: a text that is longer than it may be
oven:
  heat: 1.5
  time: 20
  mode: botom
  door: shut
  heat: 3
ovn: {}
loaf: [1]
tags: [soft, rye, soft, 3]
fan:
mood: &x calm
size: 3
`)
	want := strings.Join([]string{
		`r.yaml:1:7: name: the text has 15 bytes; write at most 9`,
		`r.yaml:2:8: notes: the text has 36 bytes; write at most 20`,
		`r.yaml:4:9: oven.heat: 1.5 is not a whole number; write one from 1 to 300`,
		`r.yaml:5:9: oven.time: 20 has no unit; write 20s for seconds or 20ms for milliseconds`,
		`r.yaml:6:9: oven.mode: "botom" is not known here; did you mean bottom? It may be top, bottom or both`,
		`r.yaml:7:9: oven.door: "shut" is not a truth value; write true or false`,
		`r.yaml:8:3: oven.heat: is written twice, first on line 4; remove one`,
		`r.yaml:9:1: ovn: is not a field; did you mean oven?`,
		`r.yaml:10:7: loaf: a list of 1 is not a section; write its fields: salt, size`,
		`r.yaml:11:14: tags[1]: there is no rye; write wheat`,
		`r.yaml:11:19: tags[2]: "soft" stands in the list twice; remove one`,
		`r.yaml:11:25: tags[3]: 3 is not text; write a word or an expression`,
		`r.yaml:12:1: fan: has no value; write one, or leave the field out`,
		`r.yaml:13:7: mood: anchors and aliases are not read; write the value out`,
		`r.yaml:14:1: size: is not a field; did you mean loaf.size?`,
	}, "\n")
	if all := r.Problems.Sorted().Error(); all != want {
		t.Errorf("got\n%s\nwant\n%s", all, want)
	}
	if !r.Bad["oven.heat"] || !r.Bad["loaf.size"] || !r.Bad["mood"] || got.Oven.Mode != "both" {
		t.Errorf("bad: %v; %+v", r.Bad, got)
	}
}

func TestFlag(t *testing.T) {
	f := func(arg, path string, kind ValueKind, problems string) {
		t.Helper()
		r := New(recipes(), Place{})
		got, v, ok := r.Flag(arg)
		if got != path || v.Kind != kind || ok != (problems == "") || len(r.Problems) > 0 != !ok {
			t.Errorf("%s: %q, %v, %v, %v", arg, got, v, ok, r.Problems)
		}
	}
	f("oven.heat = 3", "oven.heat", Number, "")
	f("notes=", "notes", Text, "")
	f("oven={heat: 3}", "oven", Mapping, "")
	f("heat", "", Nothing, "no value")
	f("=3", "", Nothing, "no path")
}

// TestSchema is made of the same tags.
func TestSchema(t *testing.T) {
	var doc recipe
	root := recipes()
	root.Fill(&doc)
	on := true
	doc.Fan = &on
	got, err := json.Marshal(root.Field("oven").Schema(&doc))
	const want = `{"additionalProperties":false,"description":"How it is baked.","properties":{` +
		`"door":{"default":true,"description":"Whether it is shut.","type":"boolean"},` +
		`"heat":{"default":220,"description":"Degrees.","maximum":300,"minimum":1,"type":"integer"},` +
		`"mode":{"default":"both","description":"Which side.","enum":["top","bottom","both"],"type":"string"},` +
		`"time":{"default":"45m","description":"How long.","pattern":"^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$","type":"string"}},"type":"object"}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if _, told := root.Schema(nil)["properties"].(Object)["mood"].(Object)["default"]; told {
		t.Error("a schema without defaults tells one")
	}
	if refs := root.Paths("#/r"); refs["oven.time"].(Object)["$ref"] != "#/r/properties/oven/properties/time" || refs["oven"] == nil {
		t.Errorf("paths: %v", refs)
	}
}

// TestMistakesInTags are found when the description is made.
func TestMistakesInTags(t *testing.T) {
	f := func(name string, describe func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: nobody noticed", name)
			}
		}()
		describe()
	}
	f("no bounds", func() {
		Fields[struct {
			N int `json:"n"`
		}]("", nil)
	})
	f("no words", func() {
		Fields[struct {
			S string `json:"s"`
		}]("", nil)
	})
	f("an unknown type", func() {
		Fields[struct {
			M map[string]int `json:"m"`
		}]("", nil)
	})
	f("a default out of bounds", func() {
		type doc struct {
			N int `json:"n" is:"1 to 3" default:"4"`
		}
		Fields[doc]("", nil).Fill(&doc{})
	})
}
