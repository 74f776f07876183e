package schema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bootconf/bootconf/internal/document"
)

// article is a type's name with its article.
func article(k document.Kind) string {
	switch k {
	case document.Null:
		return "null"
	case document.Array, document.Object:
		return "an " + k.String()
	}
	return "a " + k.String()
}

// list joins words as a sentence does: a, b or c.
func list(words []string, conjunction string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}

// maxListed is how many keys or values a message names.
const maxListed = 12

// mustBe says what a value has to be by type, enum and range.
func (s *Schema) mustBe() string {
	if s.values() != nil {
		return s.say("must be " + s.choice())
	}
	return "must be " + s.typePhrase()
}

func (s *Schema) choice() string {
	var words []string
	values := s.values()
	for i, v := range values {
		if i == maxListed {
			words = append(words, fmt.Sprintf("%d others", len(values)-i))
			break
		}
		words = append(words, literal(v))
	}
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

// literal is a value of the schema for a message.
func literal(v *document.Node) string {
	text := string(document.Compact(v))
	if len(text) > 80 {
		return "a certain " + v.Kind.String()
	}
	return text
}

func (s *Schema) typePhrase() string {
	var words []string
	for _, k := range []document.Kind{document.String, document.Number, document.Bool, document.Array, document.Object, document.Null} {
		switch {
		case k == document.Number && (s.types&(1<<k) != 0 || s.types&integerBit != 0):
			words = append(words, s.numberPhrase())
		case s.types&(1<<k) != 0:
			words = append(words, article(k))
			if k == document.Object && s.urls != nil {
				words = append(words, "a URL")
			}
		}
	}
	return list(words, "or")
}

// numberPhrase is what a number has to be: an integer from 1 to 65535.
func (s *Schema) numberPhrase() string {
	phrase := "a number"
	if s.types&integerBit != 0 && s.types&(1<<document.Number) == 0 {
		phrase = "an integer"
	}
	if s.multipleOf != nil {
		phrase += " that is a multiple of " + s.multipleOf.text
	}
	if s.minimum != nil && s.maximum != nil && s.aboveMinimum == nil && s.belowMaximum == nil {
		return phrase + " from " + s.minimum.text + " to " + s.maximum.text
	}
	var bounds []string
	for _, b := range []struct {
		words string
		limit *limit
	}{{"at least ", s.minimum}, {"greater than ", s.aboveMinimum}, {"at most ", s.maximum}, {"less than ", s.belowMaximum}} {
		if b.limit != nil {
			bounds = append(bounds, b.words+b.limit.text)
		}
	}
	if len(bounds) > 0 {
		phrase += " of " + list(bounds, "and")
		phrase = strings.NewReplacer(" of greater", " greater", " of less", " less").Replace(phrase)
	}
	return phrase
}

// lengthPhrase says how many of something there must be.
func lengthPhrase(least, most limits, one, many string) string {
	count := func(n limits) string {
		if n == 1 {
			return "1 " + one
		}
		return strconv.Itoa(int(n)) + " " + many
	}
	switch {
	case least == 1 && most < 0:
		return "must not be empty"
	case most < 0:
		return "must have at least " + count(least)
	case least <= 0:
		return "must have at most " + count(most)
	case least == most:
		return "must have " + count(least)
	}
	return fmt.Sprintf("must have from %d to %s", least, count(most))
}

// notPhrase says what a value must not be, as far as the schema it must not fit is simple.
func (s *Schema) notPhrase() string {
	n := s.not
	switch {
	case n.verdict == always || n.node.Kind == document.Object && len(n.node.Members) == 0:
		return "must be left out"
	case n.only("enum", "const"):
		return "must not be " + n.choice()
	case n.only("type"):
		return "must not be " + n.typePhrase()
	case n.only("required") && len(n.required) == 1:
		return "must not have " + n.required[0]
	case n.only("required") && len(n.required) > 1:
		return "must not have " + list(n.required, "and") + " together"
	case n.only("pattern") && n.pattern != nil:
		return "must not match " + n.pattern.text
	}
	return `is what the schema rules out by "not"`
}

// only tells whether the schema asks for nothing but what these keywords say.
func (s *Schema) only(names ...string) bool {
	found := false
	for _, m := range s.node.Members {
		switch m.Name {
		case "title", "description", "$comment", "examples":
			continue
		}
		matches := false
		for _, name := range names {
			matches = matches || m.Name == name
		}
		if !matches {
			return false
		}
		found = true
	}
	return found
}

// known names the keys of a message that says that a key is none of them.
func known(names []string) string {
	if len(names) == 0 || len(names) > maxListed {
		return ""
	}
	if len(names) == 1 {
		return "; known is " + names[0]
	}
	return "; known are " + list(names, "and")
}
