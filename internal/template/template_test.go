package template

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/finding"
	"github.com/bootconf/bootconf/internal/format"
	"github.com/bootconf/bootconf/internal/schema"
)

func read(t testing.TB, text string) *document.Node {
	t.Helper()
	n, found := document.Parse("test", []byte(text))
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

func compileSchema(t testing.TB, text string) *schema.Schema {
	t.Helper()
	s, found := schema.Compile(read(t, text), "schema.json")
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

// database is the schema of the section that most tests render.
const database = `{
	"type": "object",
	"properties": {
		"host": {"type": "string"},
		"port": {"type": "integer"},
		"password": {"type": "string", "writeOnly": true},
		"tls": {"type": "object", "properties": {"mode": {"type": "string"}}, "additionalProperties": false},
		"hosts": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": false}},
		"labels": {"type": "object", "additionalProperties": {"type": "object", "properties": {"value": {}}, "additionalProperties": false}},
		"any": {}
	},
	"additionalProperties": false
}`

func source(t testing.TB, f format.Format, text string) Source {
	return Source{
		Name: "t.tmpl", Text: text, Format: f, Service: "database", Section: compileSchema(t, database),
		Uses:   map[string]*schema.Schema{"amqp": compileSchema(t, `{"type": "object", "properties": {"vhost": {"type": "string"}}, "additionalProperties": false}`)},
		Params: map[string]string{"prefix": "pre", "empty": ""},
	}
}

// anything is a source whose section may be anything.
func anySource(t testing.TB, f format.Format, text string) Source {
	s := source(t, f, text)
	s.Section = compileSchema(t, `{}`)
	return s
}

func text(pieces []format.Piece) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.Text)
	}
	return b.String()
}

func TestCompileFindings(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"good":             {"a = {{ .host }}\nb = \"x{{ .host }}y\" # c\n", ""},
		"comment":          {"# {{ .host }}\n", "t.tmpl:1:6: nothing can be printed here: a comment holds no value; move it out"},
		"two comments":     {"# {{ .host }}\na = {{ .port }}\n# é {{ .host }}\n", "t.tmpl:1:6: nothing can be printed here: a comment holds no value; move it out\nt.tmpl:3:9: nothing can be printed here: a comment holds no value; move it out"},
		"key":              {"a = {{ .host }}\n{{ .host }} = \"x\"\n", "t.tmpl:2:4: nothing can be printed here: a key holds no value"},
		"text":             {"a = \"x\"\nb = c\n", "t.tmpl:2:5: no value"},
		"text behind":      {"a = {{ .host }}x\n", "t.tmpl:1:16: something behind the value"},
		"text trimmed":     {"a = {{ .host -}}  \n  x\n", "t.tmpl:2:3: something behind the value"},
		"end":              {"a = \"x\"\nb = \"{{ .host }}", "t.tmpl:2:17: the last value is not complete"},
		"if unequal":       {"a = {{ if .host }}\"x\"{{ end }}\n", "t.tmpl:1:11: the file goes on differently with and without this if: each branch must close what it opens, and open or close the same"},
		"if else":          {"a = {{ if .host }}\"x\"{{ else }}{{ .port }}{{ end }}\n", ""},
		"if else unequal":  {"a = {{ if .host }}\"x\"{{ else }}\"{{ end }}\n", "t.tmpl:1:11: the file goes on differently with and without this if: each branch must close what it opens, and open or close the same"},
		"if line":          {"{{ if .host }}a = {{ .host }}\n{{ end }}", ""},
		"else if":          {"a = {{ if .host }}\"x\"{{ else if .port }}\"y\"{{ else }}\"z\"{{ end }}\n", ""},
		"with unequal":     {"a = \"{{ with .tls }}{{ .mode }}\"{{ end }}\n", "t.tmpl:1:14: the file goes on differently with and without this with: each branch must close what it opens, and open or close the same"},
		"range":            {"{{ range .hosts }}a = {{ .name }}\n{{ end }}", ""},
		"range unequal":    {"a = {{ range .hosts }}{{ .name }}{{ end }}\n", "t.tmpl:1:14: the body of this range must end at a place of the file like the one it begins at: close in it what it opens"},
		"range in quotes":  {"a = \"{{ range .hosts }}{{ .name }},{{ end }}\"\n", ""},
		"range else":       {"{{ range .hosts }}a = {{ .name }}\n{{ else }}# {{ end }}", "t.tmpl:1:10: the else of this range must end at a place of the file like the one its body ends at"},
		"break":            {"{{ range .hosts }}{{ if .name }}{{ break }}{{ end }}a = {{ .name }}\n{{ end }}", ""},
		"break inside":     {"{{ range .hosts }}a = {{ if .name }}{{ break }}{{ end }}{{ .name }}\n{{ end }}", "t.tmpl:1:10: a break leaves this range at a place of the file where its end does not: close before it what is open"},
		"continue inside":  {"{{ range .hosts }}a = {{ if .name }}{{ continue }}{{ end }}{{ .name }}\n{{ end }}", "t.tmpl:1:10: the body of this range must end at a place of the file like the one it begins at: close in it what it opens"},
		"break both":       {"{{ range .hosts }}{{ if .name }}{{ break }}{{ else }}{{ continue }}{{ end }}a = {{ end }}", ""},
		"set prints none":  {"# {{ $x := .host }}{{ $x = .port }}\n", ""},
		"param in key":     {"{{ param.prefix }}a = {{ .host }}\n", ""},
		"param empty":      {"{{ param.empty }}a = {{ .host }}\n", ""},
		"param as text":    {"a = {{ param.prefix }}\n", "t.tmpl:1:8: no value"},
		"param piped":      {"a = {{ param.prefix | print }}\n", ""},
		"define":           {"{{ define \"v\" }}{{ . }}{{ end }}a = {{ template \"v\" .host }}\nb = \"{{ template \"v\" .port }}\"\n", ""},
		"define in key":    {"{{ define \"v\" }}{{ . }}{{ end }}a = {{ template \"v\" .host }}\n# {{ template \"v\" .port }}\n", "t.tmpl:1:20: nothing can be printed here: a comment holds no value; move it out"},
		"define unused":    {"{{ define \"v\" }}{{ . }}{{ end }}", "t.tmpl:1:17: warning: the template \"v\" is defined but never used, and so not checked"},
		"define recursive": {"{{ define \"v\" }}{{ if . }}{{ template \"v\" . }}{{ end }}{{ end }}{{ template \"v\" . }}", "t.tmpl:1:39: the template \"v\" calls itself, which none may"},
		"template unknown": {"{{ define \"value\" }}{{ end }}{{ template \"value\" }}{{ template \"valeu\" . }}", "t.tmpl:1:64: the template \"valeu\" is not defined; did you mean \"value\"?"},
		"block":            {"a = {{ block \"v\" .host }}{{ . }}{{ end }}\n", ""},

		"unknown key":         {"a = {{ .pasword }}\n", "t.tmpl:1:8: database.pasword: no such key; did you mean \"password\"?"},
		"unknown below":       {"a = {{ .tls.mod }}\n", "t.tmpl:1:12: database.tls.mod: no such key; did you mean \"mode\"?"},
		"unknown by root":     {"a = {{ with .tls }}{{ $.tls.mod }}{{ else }}\"\"{{ end }}\n", "t.tmpl:1:28: database.tls.mod: no such key; did you mean \"mode\"?"},
		"unknown in with":     {"a = {{ with .tls }}{{ .host }}{{ else }}{{ .hots }}{{ end }}\n", "t.tmpl:1:23: database.tls.host: no such key; known is mode\nt.tmpl:1:44: database.hots: no such key; did you mean \"host\"?"},
		"unknown in range":    {"{{ range $i, $h := .hosts }}a = {{ .nam }}\nb = {{ $h.nam }}\nc = {{ $i.x }}\n{{ end }}", "t.tmpl:1:36: database.hosts[].nam: no such key; did you mean \"name\"?\nt.tmpl:2:10: database.hosts[].nam: no such key; did you mean \"name\"?\nt.tmpl:3:10: a string, number or boolean has no key \"x\""},
		"unknown in map":      {"{{ range .labels }}a = {{ .val }}\n{{ end }}", "t.tmpl:1:27: database.labels[].val: no such key; known is value"},
		"unknown by variable": {"{{ $t := .tls }}a = {{ $t.mod }}\n", "t.tmpl:1:26: database.tls.mod: no such key; did you mean \"mode\"?"},
		"assigned variable":   {"{{ $t := .tls }}a = {{ $t.mod }}\n{{ $t = .any }}", ""},
		"variable unknown":    {"{{ $t = .tls }}", "t.tmpl:1:4: undefined variable \"$t\"; declare it with :="},
		"variable scope":      {"{{ if $t := .tls }}{{ end }}{{ range $t := .hosts }}{{ end }}{{ $t := .any }}{{ $t.x | len | print | raw }}", ""},
		"unknown by index":    {"a = {{ index . \"hots\" }}\n", "t.tmpl:1:8: database.hots: no such key; did you mean \"host\"?"},
		"index of list":       {"a = {{ (index .hosts 0).nam }}\n", "t.tmpl:1:24: database.hosts[].nam: no such key; did you mean \"name\"?"},
		"anything below":      {"a = {{ .any.x.y }}\n", ""},
		"range over scalar":   {"{{ range .host }}{{ end }}", "t.tmpl:1:10: database.host: cannot be ranged over: is neither an array nor an object by the schema"},
		"range over number":   {"{{ range 3 }}{{ end }}", "t.tmpl:1:10: only an array or an object can be ranged over"},
		"section":             {"a = {{ amqp.vhost }}\nb = {{ amqp.vhots }}\n", "t.tmpl:2:12: amqp.vhots: no such key; did you mean \"vhost\"?"},
		"section with":        {"{{ with amqp }}a = {{ .vhost }}\nb = {{ .x }}\n{{ end }}", "t.tmpl:2:8: amqp.x: no such key; known is vhost"},
		"section unknown":     {"a = {{ ampq.vhost }}\n", "t.tmpl:1:8: there is no function ampq, and \"uses\" names no such section; did you mean \"amqp\"?"},
		"section argument":    {"a = {{ amqp .host }}\n", "t.tmpl:1:8: amqp is a section and takes no argument"},
		"fact":                {"a = {{ instance.id }}\nb = {{ instance.regoin }}\n", "t.tmpl:2:16: there is no instance.regoin; did you mean \"region\"?"},
		"fact bare":           {"a = {{ instance }}\n", "t.tmpl:1:8: instance stands only with a name behind it: instance.NAME"},
		"fact below":          {"a = {{ instance.id.x }}\n", "t.tmpl:1:19: a string, number or boolean has no key \"x\""},
		"param unknown":       {"{{ param.prefx }}a = \"\"\n", "t.tmpl:1:9: there is no param.prefx; did you mean \"prefix\"?"},
		"function unknown":    {"a = {{ prinft \"%s\" .host }}\n", "t.tmpl:1:8: there is no function prinft, and \"uses\" names no such section; did you mean \"print\"?"},
		"call":                {"a = {{ call .host }}\n", "t.tmpl:1:8: call is not available: there are no functions among the values"},
		"arguments":           {"a = {{ join \",\" }}\nb = {{ .host | len \"x\" }}\nc = {{ slice .host 1 2 3 }}\nd = {{ and }}\n", "t.tmpl:1:8: join takes 2 arguments, not 1\nt.tmpl:2:16: len takes 1 argument, not 2\nt.tmpl:3:8: slice takes 1 to 3 arguments, not 4\nt.tmpl:4:8: and takes 1 or more arguments"},
		"field argument":      {"a = {{ .tls.mode 1 }}\nb = {{ 1 | .host }}\n", "t.tmpl:1:8: .tls.mode is no function and takes no argument\nt.tmpl:2:12: .host is no function and takes no argument"},
		"printf format":       {"a = {{ printf .host }}\nb = {{ printf \"%d\" 1 2 }}\nc = {{ printf \"%y\" 1 }}\nd = {{ printf \"100%\" }}{{ printf \"%9999s\" .host }}\n", "t.tmpl:1:8: the format of printf must be a string in quotes\nt.tmpl:2:8: the format of printf has 1 verbs for 2 values\nt.tmpl:3:8: the format of printf has \"%y\", which is no verb for a value of JSON; those are %s %q %v %t %d %x %X %o %b %e %f %g and %%\nt.tmpl:4:8: the format of printf ends within a verb; write a percent sign as %%\nt.tmpl:4:27: the format of printf has a width of over 999\nt.tmpl:4:27: nothing can be printed here: a key holds no value"},
		"printf types":        {"a = {{ printf \"%d %s %v\" .host .port .tls }}\nb = {{ printf \"%s\" .any }}\n", "t.tmpl:1:8: printf's %d cannot take database.host, which is a string\nt.tmpl:1:8: printf's %s cannot take database.port, which is a number\nt.tmpl:1:8: printf's %v cannot take database.tls, which is an object"},
		"compared types":      {"{{ if eq .port \"5432\" }}{{ end }}{{ if lt .host .port }}{{ end }}{{ if or (eq .host \"x\" nil .any) (eq .tls 1) }}{{ end }}", "t.tmpl:1:7: eq cannot compare a number with a string\nt.tmpl:1:40: lt cannot compare a string with a number\nt.tmpl:1:100: eq cannot compare an object with a number"},
		"join types":          {"a = {{ join \",\" .host }}\nb = {{ join \",\" .any }}\n", "t.tmpl:1:8: join cannot take database.host, which is a string"},
		"url names":           {"a = {{ url \"scheme\" \"x\" \"hots\" .host }}\nb = {{ url \"scheme\" }}\nc = {{ url \"host\" .host }}\nd = {{ url \"scheme\" \"x\" \"host\" .host \"host\" .host }}\n", "t.tmpl:1:8: url has no part \"hots\"; did you mean \"host\"?; the parts are scheme, user, password, host, port, path, query and query.NAME\nt.tmpl:2:8: url takes 2 or more arguments, not 1\nt.tmpl:3:8: url needs a \"scheme\"\nt.tmpl:4:8: url is given \"host\" twice"},
		"raw":                 {"{{ raw .host }}{{ .host | raw }}{{ raw param.prefix }}", ""},
		"raw inside":          {"a = {{ print (raw .host) }}\nb = {{ raw .host | print }}\nc = {{ raw }}\n{{ if raw .host }}{{ end }}", "t.tmpl:1:15: raw must be the last word of an action that prints: {{ raw .x }} or {{ .x | raw }}\nt.tmpl:2:8: raw must be the last word of an action that prints: {{ raw .x }} or {{ .x | raw }}\nt.tmpl:3:8: raw takes 1 argument\nt.tmpl:4:7: raw must be the last word of an action that prints: {{ raw .x }} or {{ .x | raw }}"},
		"names behind fault":  {"a = c {{ .hots }}\n", "t.tmpl:1:5: no value\nt.tmpl:1:10: database.hots: no such key; did you mean \"host\"?"},

		"syntax":              {"a = {{ .host }}\nb = {{ .x }}{{ if }}\n{{ .y }}\n", "t.tmpl:2:13: is no template here: missing value for if"},
		"syntax end":          {"a = {{ .host }}\n{{ if .host }}\n", "t.tmpl:3:1: an if, range, with, define or block is not closed; add {{ end }}"},
		"syntax unclosed":     {"a = {{ .host }}\nb = {{ .host\n", "t.tmpl:2:5: is no template here: unclosed action started at line 2"},
		"syntax else":         {"{{ else }}", "t.tmpl:1:1: is no template here: unexpected {{else}}"},
		"variable undeclared": {"a = \"x\"\nb = {{ $x }}\n", "t.tmpl:2:5: is no template here: undefined variable \"$x\""},
	} {
		t.Run(name, func(t *testing.T) {
			tmpl, found := Compile(source(t, lines{}, c.text))
			got := ""
			if len(found) > 0 {
				got = found.Error()
			}
			if got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
			if (tmpl == nil) != (found.Faults() > 0) {
				t.Errorf("template is %v", tmpl)
			}
		})
	}
}

func TestNoSection(t *testing.T) {
	s := source(t, lines{}, "a = {{ .host }}\nb = {{ amqp.vhost }}\n")
	s.Section = nil
	_, found := Compile(s)
	if got, want := fmt.Sprint(found), "t.tmpl:1:8: database.host: is not there: the service takes no section, since it has neither a kind nor a schema"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

const document1 = `{
  "s": "text", "e": "", "n": 42, "big": 12345678901234567890123, "exp": 1e400, "one": 1.0, "f": 1.5, "neg": -7,
  "t": true, "no": false, "null": null, "zero": 0.00,
  "list": ["a", "b", 3], "comma": ["a,b"], "none": [], "obj": {"b": "2", "a": {"x": 1}}, "nothing": {},
  "eur": "5€", "odd": "a b/c?d&e=f#g%h:i@j", "v6": "2001:db8::1", "flat": {"k": "x"}, "dots": "..", "key": "b"
}`

func TestExecute(t *testing.T) {
	for text, want := range map[string]string{
		// printing
		`{{ .s }} {{ .n }} {{ .big }} {{ .exp }} {{ .one }} {{ .t }} {{ .e }}|`:   "text 42 12345678901234567890123 1e400 1.0 true |",
		`{{ 1 }} {{ -1.50 }} {{ 0x1f }} {{ 1_000 }} {{ 'a' }} {{ 1e3 }} {{ .5 }}`: "1 -1.50 31 1000 97 1e3 0.5",
		`{{ "q" }}{{ true }}{{/* no */}}`:                                         "qtrue",
		`{{ .nope }}`:                                                             "! x.nope: cannot be printed: has no value",
		`{{ range .list }}{{ $.nope }}{{ end }}`:                                  "! x.nope: cannot be printed: has no value",
		`{{ .nope.below }}`:                                                       "! x.nope.below: cannot be printed: has no value",
		`{{ .obj.a.y }}`:                                                          "! x.obj.a.y: cannot be printed: has no value",
		`{{ .list }}`:                                                             "! x.list: must be a scalar",
		`{{ .nope }}{{ .gone }}`:                                                  "! x.nope: cannot be printed: has no value | x.gone: cannot be printed: has no value",
		`a {{- .s -}} b`:                                                          "atextb",
		`{{ param.prefix }}{{ param.prefix | len }}`:                              "pre3",
		// truth
		`{{ if .s }}1{{ end }}{{ if .e }}2{{ end }}{{ if .zero }}3{{ end }}{{ if .no }}4{{ end }}{{ if .null }}5{{ end }}{{ if .none }}6{{ end }}{{ if .nothing }}7{{ end }}{{ if .nope }}8{{ else }}9{{ end }}`: "19",
		`{{ if and .s .nope }}1{{ else }}2{{ end }}{{ if or .nope .s }}3{{ end }}{{ if not .nope }}4{{ end }}`:                                                                                                   "234",
		`{{ or .nope .e "d" }} {{ and .s .n }} {{ or .s .nope }}`: "d 42 text",
		`{{ or .nope .gone }}`:                                      "! x.gone: cannot be printed: has no value",
		`{{ and .nope (join "," .nope) | not }}`:                    "true",
		`{{ with .s }}{{ . }}{{ $.n }}{{ else }}no{{ end }}`:        "text42",
		`{{ with .nope }}{{ . }}{{ else with .n }}{{ . }}{{ end }}`: "42",
		`{{ with $x := .obj }}{{ $x.b }}{{ .b }}{{ end }}`:          "22",
		// range
		`{{ range .list }}[{{ . }}]{{ end }}`:                                                      "[a][b][3]",
		`{{ range $i, $v := .list }}{{ $i }}={{ $v }};{{ end }}`:                                   "0=a;1=b;2=3;",
		`{{ range $k, $v := .obj }}{{ $k }};{{ end }}`:                                             "a;b;",
		`{{ range .none }}x{{ else }}none{{ end }}`:                                                "none",
		`{{ range .nope }}x{{ else }}none{{ end }}`:                                                "none",
		`{{ range .null }}x{{ else }}none{{ end }}`:                                                "none",
		`{{ range .s }}x{{ end }}`:                                                                 "! x.s: cannot be ranged over: is a string",
		`{{ range .list }}{{ if eq . "b" }}{{ break }}{{ end }}{{ . }}{{ end }}`:                   "a",
		`{{ range $i, $v := .list }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ . }}{{ end }}`:       "a3",
		`{{ range $i, $v := .list }}{{ if eq $i 1 }}{{ break }}{{ end }}{{ . }}{{ end }}.{{ .s }}`: "a.text",
		`{{ range .list }}{{ range $.list }}{{ break }}{{ end }}{{ . }}{{ end }}`:                  "ab3",
		`{{ $x := 0 }}{{ range .list }}{{ $x = . }}{{ end }}{{ $x }}`:                              "3",
		`{{ $x := 0 }}{{ if .s }}{{ $x := 1 }}{{ end }}{{ $x }}`:                                   "0",
		`{{ range .list }}{{ .nope }}{{ end }}`:                                                    "! x.list[0].nope: cannot be printed: has no value | x.list[1].nope: cannot be printed: has no value | x.list[2].nope: cannot be printed: has no value",
		// named templates
		`{{ define "t" }}<{{ . }}{{ $ }}>{{ end }}{{ template "t" .s }}{{ template "t" .n }}{{ .n }}`: "<texttext><4242>42",
		`{{ define "t" }}{{ if . }}{{ . }}{{ else }}none{{ end }}{{ end }}{{ template "t" }}`:         "none",
		// comparisons
		`{{ eq .n 42 }} {{ eq .one 1 }} {{ eq .exp .exp }} {{ eq .exp 1e300 }} {{ lt .neg .zero }} {{ gt .big 1234567890123456789 }} {{ le .f 1.50 }} {{ ge .f 1.51 }}`: "true true true false true true true false",
		`{{ eq .s "a" "text" }} {{ ne .s "a" }} {{ lt "a" "b" }} {{ eq .t true }} {{ ne .t .no }}`:                                                                      "true true true true true",
		`{{ eq .nope "a" }} {{ ne .nope "a" }} {{ eq .nope .gone }} {{ eq .null nil }} {{ eq .null .s }}`:                                                               "false true false true false",
		`{{ lt .nope 1 }}`:     "! x.nope: cannot be given to lt: has no value",
		`{{ eq .n "42" }}`:     "! x.n: eq cannot compare a number with a string",
		`{{ lt .t .no }}`:      "! x.t: cannot be given to lt: is a boolean",
		`{{ eq .list .list }}`: "! x.list: cannot be given to eq: is an array",
		// lists and strings
		`{{ len .s }} {{ len .list }} {{ len .obj }} {{ len .eur }}`: "4 3 2 4",
		`{{ len .n }}`:    "! x.n: cannot be given to len: is a number",
		`{{ len .nope }}`: "! x.nope: cannot be given to len: has no value",
		`{{ index .list 1 }} {{ index .obj "a" "x" }} {{ index .obj .key }}`: "b 1 2",
		`{{ index .list 3 }}`:             "! x.list[3]: cannot be printed: has no value",
		`{{ index .list -1 }}`:            "! x.list[-1]: cannot be printed: has no value",
		`{{ index .list "a" }}`:           "! : cannot be given to index as an index: must be an integer",
		`{{ index .obj .s }}`:             "! x.obj[…]: cannot be printed: has no value",
		`{{ index .obj 1 }}`:              "! : an object has no index that is a number",
		`{{ index .s 1 }}`:                "! x.s: cannot be given to index: is a string",
		`{{ or (index .list 9) "none" }}`: "none",
		`{{ slice .s 1 3 }} {{ slice .s 1 }} {{ slice .list 1 | join "+" }} {{ slice .eur 0 1 }}`: "ex ext b+3 5",
		`{{ slice .eur 2 }}`:                         "! x.eur: cannot be sliced there: a character would be cut in two",
		`{{ slice .s 3 1 }}`:                         "! x.s: cannot be sliced: is too short",
		`{{ slice .s 0 5 }}`:                         "! x.s: cannot be sliced: is too short",
		`{{ range slice .list 1 }}{{ .x }}{{ end }}`: "! x.list[1].x: cannot be printed: has no value | x.list[2].x: cannot be printed: has no value",
		`{{ .list | join "," }} {{ join "" .comma }} [{{ join "," .none }}]`: "a,b,3 a,b []",
		`{{ .comma | join "," }}`: "! x.comma[0]: cannot be joined: holds the separator",
		`{{ join "," .s }}`:       "! x.s: cannot be given to join: is a string, must be an array",
		`{{ join "," .nope }}`:    "! x.nope: cannot be given to join: has no value",
		// text
		`{{ print .s .n .n "x" }} {{ print }}{{ println .s .n | len }}`: "text42 42x 8",
		`{{ print .list }}`: "! x.list: cannot be given to print: is an array",
		`{{ print .null }}`: "! x.null: cannot be given to print: is null",
		`{{ printf "%s-%d-%v-%v-%t-%q-%5d|%-5s|%05d|%x|%.1f|%%" .s .n .n .s .t .s .n .s .n .s .f}}`: `text-42-42-text-true-"text"-   42|text |00042|74657874|1.5|%`,
		`{{ printf "%d %d %v %X %+d" .big .one .exp 255 .neg }}`:                                    "12345678901234567890123 1 1e400 FF -7",
		`{{ printf "%d" .s }}`:    "! x.s: cannot be given to printf's %d: is a string",
		`{{ printf "%s" .n }}`:    "! x.n: cannot be given to printf's %s: is a number",
		`{{ printf "%d" .f }}`:    "! x.f: cannot be given to printf's %d: must be an integer of up to 1000 digits",
		`{{ printf "%s" .nope }}`: "! x.nope: cannot be given to printf: has no value",
		`{{ printf "%v" .list }}`: "! x.list: cannot be given to printf's %v: is an array",
		`{{ html "<a href='x'>&\"" }} {{ urlquery .odd }} {{ js "</script>'\"\\\n é" }}`: `&lt;a href=&#39;x&#39;&gt;&amp;&#34; a+b%2Fc%3Fd%26e%3Df%23g%25h%3Ai%40j \u003C/script\u003E\'\"\\\u000A é`,
		// sections and facts
		`{{ amqp.vhost }} {{ with amqp }}{{ .vhost }}{{ end }} {{ instance.id }}`: "/v /v i-1",
		`{{ instance.region }}`:                          "! instance.region: cannot be printed: has no value",
		`{{ if gone }}1{{ else }}2{{ end }}{{ gone.x }}`: "! gone.x: cannot be printed: has no value",
		`{{ gone }}`: "! gone: cannot be printed: has no value",
		// url
		`{{ url "scheme" "https" "user" .s "password" .odd "host" .s "port" .n "path" .odd "query" .obj.q }}`:                            "https://text:a%20b%2Fc%3Fd%26e%3Df%23g%25h%3Ai%40j@text:42/a%20b%2Fc%3Fd%26e%3Df%23g%25h%3Ai%40j",
		`{{ url "scheme" "s3" "host" .v6 "path" .list "query" .nothing "query.x" .odd "query.a" .nope "query.b" .t }}`:                   "s3://[2001:db8::1]/a/b/3?b=true&x=a%20b%2Fc%3Fd%26e%3Df%23g%25h%3Ai%40j",
		`{{ url "scheme" "a" "host" "[::1]" "path" "" }} {{ url "scheme" "a" "host" "fe80::1%e]/" }} {{ url "scheme" "a" "host" .odd }}`: "a://[::1]/ a://[fe80::1%25e%5D%2F] a://a%20b%2Fc%3Fd%26e%3Df%23g%25h%3Ai%40j",
		`{{ url "scheme" "a" "path" .dots }}`:                `! x.dots: cannot be the path of a URL: must not be "." or ".."`,
		`{{ url "scheme" .nope "host" .s }}`:                 "! x.nope: cannot be given to url: has no value",
		`{{ url "scheme" .odd }}`:                            "! x.odd: cannot be the scheme of a URL: must be letters, digits, +, - and .",
		`{{ url "scheme" "a" "port" .s }}`:                   "! x.s: cannot be the port of a URL: must be an integer from 0 to 65535",
		`{{ url "scheme" "a" "port" .big "host" .list }}`:    "! x.list: cannot be the host of a URL: is an array | x.big: cannot be the port of a URL: must be an integer from 0 to 65535",
		`{{ url "scheme" "a" "query" .s }}`:                  "! x.s: cannot be the query of a URL: is a string, must be an object",
		`{{ url "scheme" "a" "query" .flat "query.k" "y" }}`: "! x.flat: cannot be given to url: holds the parameter k, which the template sets",
		`{{ url "scheme" "a" "query" .obj }}`:                "! x.obj.a: cannot be the query of a URL: is an object",
	} {
		t.Run(text, func(t *testing.T) {
			s := anySource(t, plain{}, text)
			s.Service = "x"
			s.Uses["gone"] = compileSchema(t, `{}`)
			tmpl, found := Compile(s)
			if len(found) > 0 {
				t.Fatal(found)
			}
			pieces, found := tmpl.Execute(Data{
				Section: read(t, document1),
				Uses:    map[string]*document.Node{"amqp": read(t, `{"vhost": "/v"}`)},
				Facts:   map[string]string{"id": "i-1"},
			})
			got := ""
			for _, p := range pieces {
				got += p.Text
			}
			if len(found) > 0 {
				var lines []string
				for _, f := range found {
					message, _, _ := strings.Cut(f.Message, " (t.tmpl")
					lines = append(lines, f.Path+": "+message)
				}
				got = "! " + strings.Join(lines, " | ")
			}
			if got != want {
				t.Errorf("got:  %s\nwant: %s", got, want)
			}
		})
	}
}

func TestFindingPlaces(t *testing.T) {
	tmpl, found := Compile(source(t, lines{}, "a = {{ .host }}\nb = {{ .password }}\nc = \"{{ printf \"%s:%s\" .host .tls.mode }}\"\nd = {{ amqp.vhost }}\n"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	_, found = tmpl.Execute(Data{Section: read(t, "{\"host\": \"a\",\n \"tls\": {\"mode\": \"x\\ny\"}}")})
	want := finding.List{
		{Source: "user-data", Pos: finding.Pos{Line: 1, Column: 1}, Path: "database.password", Message: "cannot be printed: has no value (t.tmpl:2:8)"},
		{Source: "user-data", Pos: finding.Pos{Line: 2, Column: 18}, Path: "database.tls.mode", Message: "must not hold a newline (t.tmpl:3:9)"},
		{Source: "t.tmpl", Pos: finding.Pos{Line: 4, Column: 8}, Path: "amqp.vhost", Message: "cannot be printed: has no value"},
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("got:\n%v\nwant:\n%v", found, want)
	}
}

// A value that a default has filled in stands nowhere; what is wrong with it stands where it was left out.
func TestDefaultPlace(t *testing.T) {
	tmpl, found := Compile(source(t, lines{}, "a = {{ .host }}\n"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	section := read(t, "\n {}")
	section.Set("host", document.NewString("a\nb", finding.Pos{}))
	_, found = tmpl.Execute(Data{Section: section})
	if got, want := found.Error(), "user-data:2:2: database.host: must not hold a newline (t.tmpl:1:8)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSecrets(t *testing.T) {
	section := read(t, `{"p": "hidden", "h": "open", "l": ["x", "hidden"], "o": {"k": "hidden"}}`)
	section.Get("p").Mark()
	section.Get("l").Items[1].Mark()
	section.Get("o").Mark()
	for text, want := range map[string]string{
		`a{{ .h }}b{{ .p }}c{{ .h }}`:                        "aopenb[hidden]copen",
		`{{ .p }}{{ .p }}`:                                   "[hidden][hidden]",
		`{{ printf "%s-%s" .h .p }}`:                         "[open-hidden]",
		`{{ url "scheme" "a" "password" .p "host" .h }}/x`:   "[a://:hidden@open]/x",
		`{{ join "," .l }}{{ slice .l 0 1 | join "," }}`:     "[x,hidden]x",
		`{{ slice .p 1 3 }}{{ html .p }}{{ print .h .p }}`:   "[id][hidden][openhidden]",
		`{{ index .l 1 }}{{ index .l 0 }}{{ index .o "k" }}`: "[hidden]x[hidden]",
		`{{ or .nope .p }}{{ $x := .p }}{{ $x }}`:            "[hidden][hidden]",
		`{{ raw .p }}{{ .p | raw }}`:                         "[hidden][hidden]",
		`{{ range $k, $v := .o }}{{ $k }}{{ $v }}{{ end }}`:  "[k][hidden]",
		// what is decided by a secret is none
		`{{ if .p }}yes{{ end }}{{ eq .p "hidden" }}{{ len .p }}`: "yestrue6",
	} {
		tmpl, found := Compile(anySource(t, plain{}, text))
		if len(found) > 0 {
			t.Fatal(found)
		}
		pieces, found := tmpl.Execute(Data{Section: section})
		if len(found) > 0 {
			t.Fatal(text, found)
		}
		got := ""
		for _, p := range pieces {
			if p.Secret {
				p.Text = "[" + p.Text + "]"
			}
			got += p.Text
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// No message holds a value, whatever goes wrong with it.
func TestNoValueInMessages(t *testing.T) {
	section := read(t, `{"s": "canary\n.", "n": 47110815, "l": ["canary"], "o": {"k": "canary"}, "b": true}`)
	var exprs []string
	operands := []string{".s", ".n", ".l", ".o", ".b", ".nope", `"x"`, "3"}
	for _, a := range operands {
		for _, f := range []string{"%s", "len %s", "print %s", "html %s", `url "scheme" %s`, `url "scheme" "a" "host" "b" "query" %s`, `printf "%%d" %s`, `printf "%%s" %s`, "range", "(index .o %s).x"} {
			if f == "range" {
				exprs = append(exprs, "range "+a+" }}{{ .x.y }}{{ end")
				continue
			}
			exprs = append(exprs, fmt.Sprintf(f, a))
		}
		for _, b := range operands {
			for _, f := range []string{"lt", "eq", "index", "slice", "join"} {
				exprs = append(exprs, f+" "+a+" "+b)
			}
		}
	}
	faults := 0
	for _, e := range exprs {
		tmpl, found := Compile(anySource(t, lines{}, `a = "{{ `+e+` }}"`+"\n"))
		if tmpl != nil {
			_, found = tmpl.Execute(Data{Section: section})
		}
		faults += len(found)
		if s := fmt.Sprint(found); strings.Contains(s, "canary") || strings.Contains(s, "47110815") {
			t.Errorf("%s: %s", e, s)
		}
	}
	if faults < 200 {
		t.Errorf("only %d faults: the test has lost its cases", faults)
	}
}

func TestFactsAndRaws(t *testing.T) {
	tmpl, found := Compile(source(t, lines{}, "a = {{ instance.region }}\nb = {{ raw .host }}\n{{ if instance.id }}# {{ .host | raw }}{{ instance.id | raw }}\n{{ end }}"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	if got := tmpl.Facts(); !reflect.DeepEqual(got, []string{"id", "region"}) {
		t.Errorf("facts: %v", got)
	}
	if got := tmpl.Raws(); !reflect.DeepEqual(got, []finding.Pos{{Line: 2, Column: 8}, {Line: 3, Column: 26}, {Line: 3, Column: 43}}) {
		t.Errorf("raws: %v", got)
	}
	pieces, found := tmpl.Execute(Data{Section: read(t, `{"host": "a\"b"}`), Facts: map[string]string{"id": "i-1", "region": "eu"}})
	if got, want := text(pieces), "a = \"eu\"\nb = a\"b\n# a\"bi-1\n"; got != want || len(found) > 0 {
		t.Errorf("got %q %v, want %q", got, found, want)
	}
}

func TestLimits(t *testing.T) {
	long := `["` + strings.Repeat(`x","`, 10000) + `x"]`
	for name, c := range map[string]struct{ text, data, want string }{
		"steps":  {`{{ range . }}{{ range $ }}{{ range $ }}{{ end }}{{ end }}{{ end }}`, long, "t.tmpl: takes over 1048576 steps to render; print less, or in fewer loops"},
		"output": {`{{ range . }}{{ range $ }}{{ . }}` + strings.Repeat("0123456789", 10) + `{{ end }}{{ end }}`, long, "t.tmpl: makes a file of over 4194304 bytes"},
		"value":  {`{{ $x := "0123456789" }}{{ range . }}{{ $x = print $x $x }}{{ end }}`, long, "t.tmpl: makes a value of over 4194304 bytes"},
		"work":   {`{{ $x := index . 0 }}{{ $y := 0 }}{{ range . }}{{ $y = eq $x $x }}{{ end }}`, `["` + strings.Repeat("x", 1<<16) + `"` + strings.Repeat(`,"x"`, 2000) + `]`, "t.tmpl: takes over 1048576 steps to render; print less, or in fewer loops"},
	} {
		tmpl, found := Compile(anySource(t, plain{}, c.text))
		if len(found) > 0 {
			t.Fatal(found)
		}
		pieces, found := tmpl.Execute(Data{Section: read(t, c.data)})
		if len(found) != 1 || found[0].String() != c.want || pieces != nil {
			t.Errorf("%s: got %d pieces and %v", name, len(pieces), found)
		}
	}
	many, _ := Compile(anySource(t, plain{}, `{{ range . }}{{ .x }}{{ end }}`))
	if _, found := many.Execute(Data{Section: read(t, long)}); len(found) != maxFindings {
		t.Errorf("got %d findings", len(found))
	}
	// Each template calls the one before twice: 2 to the 20th copies.
	text := `{{ define "t0" }}x{{ end }}`
	for i := range 20 {
		text += fmt.Sprintf(`{{ define "t%d" }}{{ template "t%d" }}{{ template "t%d" }}{{ end }}`, i+1, i, i)
	}
	_, found := Compile(anySource(t, plain{}, text+`{{ template "t20" }}`))
	if got := fmt.Sprint(found); got != "t.tmpl: is over 65536 nodes large, with its named templates at each place where they are called" {
		t.Errorf("got %s", got)
	}
}
