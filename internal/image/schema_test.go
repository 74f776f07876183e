package image

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/bootconf/bootconf/internal/document"
	"github.com/bootconf/bootconf/internal/paths"
)

// TestSchema asks another implementation what an editor would say with the exported schema.
func TestSchema(t *testing.T) {
	definitions := map[string]string{
		"database": `{"kind": "database", "required": true, "description": "the shop's database"}`,
		"replica":  `{"kind": "database"}`,
		"amqp":     `{"kind": "amqp"}`,
		"logs":     `{"kind": "syslog", "required": true, "default": {"collector": {"host": "logs.internal"}}}`,
		"vars":     `{"kind": "env"}`,
		"windtrap": `{}`,
		"windtrap/schema.json": `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "windtrap", "$defs": {"port": {"type": "integer", "maximum": 9}},
			"properties": {"a": {"$ref": "#/$defs/port"}, "b": {"$ref": "#/properties/a"}, "in": {"$ref": "#"}}, "additionalProperties": false}`,
		"plain":  `{}`,
		"secret": `{"kind": "amqp", "default": "amqp://u:s3cr3t@h"}`,
	}
	for _, c := range []struct {
		policy, doc string
		valid       bool
	}{
		{`{}`, `{"database": {"host": "db.prod.internal", "name": "windtrap", "user": "windtrap", "password": "s3cret", "tls": {"mode": "verify-full"}},
			"amqp": "amqps://windtrap:s3cret@mq.prod.internal/%2F", "logs": {"papertrail": {"host": "logs7.papertrailapp.com", "port": 12345}},
			"windtrap": {"a": 1, "in": {"b": 2}}, "x-other": 1, "$schema": "here"}`, true},
		{`{}`, `{"database": {"url": "postgres://u@h/n", "password": "p"}}`, true},
		{`{}`, `{"database": {"host": "h"}}`, false},
		{`{}`, `{"database": "postgres://u@h/n", "databse": {}}`, false},
		{`{}`, `{"database": "postgres://u@h/n", "plain": {}}`, false},
		{`{}`, `{"database": 5}`, false},
		{`{}`, `{}`, false},
		{`{}`, `{"database": "postgres://u@h/n", "windtrap": {"in": {"b": 10}}}`, false},
		{`{}`, `{"database": "postgres://u@h/n", "windtrap": {"in": {"c": 1}}}`, false},
		{`{}`, `{"database": "postgres://u@h/n", "legacy": 1}`, false},
		{`{"ignore": ["legacy"]}`, `{"database": "postgres://u@h/n", "legacy": 1}`, true},
		{`{}`, `{"bootconf": {"mode": "build"}}`, false},
		{`{"build": true}`, `{"bootconf": {"mode": "build"}}`, true},
		{`{"build": true}`, `{"bootconf": {"mode": "build"}, "database": "postgres://u@h/n"}`, false},
		{`{"build": true}`, `{"database": "postgres://u@h/n"}`, true},
		{`{"build": true}`, `{}`, false},
	} {
		definitions[paths.Policy] = c.policy
		img, found := Load(write(t, with(definitions)))
		if len(found) > 0 {
			t.Fatal(found)
		}
		text := img.Schema()
		var s jsonschema.Schema
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		resolved, err := s.Resolve(nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		var v any
		if err := json.Unmarshal([]byte(c.doc), &v); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(v); (err == nil) != c.valid {
			t.Errorf("policy %s: %s: got %v, want valid %v", c.policy, c.doc, err, c.valid)
		}
		for _, ours := range []string{`"normalize"`, `"urlParts"`} {
			if strings.Contains(string(text), ours) {
				t.Errorf("the schema has a keyword of our own: %s", ours)
			}
		}
		if strings.Contains(string(text), "s3cr3t@h") || !strings.Contains(string(text), `"host": "logs.internal"`) {
			t.Error("a default with a secret is there, or one without is not")
		}
		if !strings.Contains(string(text), "the shop's database") {
			t.Error("the description of the service is not there")
		}
	}
}

// TestDocumented loads the example of docs/schema.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/schema/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	img, found := Load(write(t, with(map[string]string{"cache": `{}`, "cache/schema.json": example})))
	if len(found) > 0 {
		t.Fatal(found)
	}
	url, _ := document.Parse("d", []byte(`"rediss://:p@redis.internal/3?cacert=/ca.pem"`))
	n, found := img.Services[0].Schema.Prepare(url, "d", "cache")
	if len(found) > 0 || n.Get("db").Plain() != "3" || n.Get("tls").Get("ca_file").Plain() != "/ca.pem" || n.Get("port").Plain() != "6379" {
		t.Errorf("got %s, %v", n.Get("db").Plain(), found)
	}
}
