package event

import (
	"strconv"
	"strings"
	"time"
)

// An Event is one thing that happened.
type Event struct {
	Time       time.Time
	Type       string // container, image, volume
	Action     string // start, die, "health_status: healthy"
	ID         string // whose
	Attributes []Attribute
}

// An Attribute says more: name=web, exitCode=1.
type Attribute struct{ Key, Value string }

// Get returns the value of an attribute, "" if there is none.
func (e *Event) Get(key string) string {
	for _, a := range e.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// Pairs makes attributes of keys and values in turn.
func Pairs(words ...string) (list []Attribute) {
	for i := 0; i+1 < len(words); i += 2 {
		list = append(list, Attribute{words[i], words[i+1]})
	}
	return list
}

// maxLine is how long a line gets at most. Labels of an image, which a stranger chose, may be longer; they are left out then.
const maxLine = 16 << 10

// line returns the event as a line. Words that may contain anything are quoted as in Go.
func (e *Event) line() []byte {
	b := e.Time.UTC().AppendFormat(nil, time.RFC3339Nano)
	b = append(append(b, ' '), e.Type...)
	b = append(b, ' ')
	b = append(b, strings.ReplaceAll(e.Action, " ", "\u00a0")...) // the one space in Docker's actions
	b = append(append(b, ' '), e.ID...)
	for _, a := range e.Attributes {
		if len(b)+len(a.Key)+4*len(a.Value) > maxLine {
			continue
		}
		b = append(b, ' ')
		if strings.Trim(a.Key, letters) == "" && a.Key != "" {
			b = append(b, a.Key...)
		} else {
			b = strconv.AppendQuote(b, a.Key)
		}
		b = strconv.AppendQuote(append(b, '='), a.Value)
	}
	return append(b, '\n')
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"

// parse reads a line. ok is false if it is none.
func parse(line string) (e Event, ok bool) {
	var stamp, action string
	rest := line
	for _, word := range []*string{&stamp, &e.Type, &action, &e.ID} {
		*word, rest, _ = strings.Cut(rest, " ")
	}
	var err error
	if e.Time, err = time.Parse(time.RFC3339Nano, stamp); err != nil || e.Type == "" || action == "" {
		return e, false
	}
	e.Action = strings.ReplaceAll(action, "\u00a0", " ")
	for rest != "" {
		key, value := "", ""
		if key, rest, ok = word(rest); !ok || !strings.HasPrefix(rest, "=") {
			return e, false
		}
		if value, rest, ok = word(rest[1:]); !ok {
			return e, false
		}
		e.Attributes = append(e.Attributes, Attribute{key, value})
		if rest = strings.TrimPrefix(rest, " "); rest == "" {
			break
		}
	}
	return e, true
}

// word takes a word, quoted or of letters only, from the beginning of a text.
func word(text string) (value, rest string, ok bool) {
	if quoted, err := strconv.QuotedPrefix(text); err == nil && text[0] == '"' {
		value, err = strconv.Unquote(quoted)
		return value, text[len(quoted):], err == nil
	}
	rest = strings.TrimLeft(text, letters)
	value = text[:len(text)-len(rest)]
	return value, rest, value != ""
}
