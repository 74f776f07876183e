// Package schema holds the JSON Schemas of the files that image authors write, as they are published: the program
// reads these files by the very same text.
package schema

import _ "embed" // the texts below

// Service is the schema of services/NAME/service.json.
//
//go:embed service.schema.json
var Service []byte

// Policy is the schema of policy.json.
//
//go:embed policy.schema.json
var Policy []byte

// Bundle is the schema of a bundle.
//
//go:embed bundle.schema.json
var Bundle []byte
