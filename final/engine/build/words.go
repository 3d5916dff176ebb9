package build

import (
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// A scope is the variables that an instruction sees: of ARG and ENV, where ENV has the last word.
type scope struct {
	args map[string]string // what ARG declared, and has a value
	env  []string          // of the image: NAME=VALUE
}

// Get and Keys make a scope what the parser's expansion asks for.
func (s scope) Get(name string) (string, bool) {
	for i := len(s.env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(s.env[i], name+"="); ok {
			return value, true
		}
	}
	value, ok := s.args[name]
	return value, ok
}

// Keys returns the names of all variables.
func (s scope) Keys() (names []string) {
	for _, e := range s.env {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
	}
	for name := range s.args {
		names = append(names, name)
	}
	return names
}

// list returns the variables of ARG that no ENV hides, as NAME=VALUE, sorted: the part of RUN's environment that doesn't stay.
func (s scope) list() (list []string) {
	hidden := scope{env: s.env}
	for name, value := range s.args {
		if _, ok := hidden.Get(name); !ok {
			list = append(list, name+"="+value)
		}
	}
	sort.Strings(list)
	return list
}

// platform returns what a build knows without being told.
func platform() map[string]string {
	os, arch := "linux", runtime.GOARCH
	return map[string]string{"TARGETPLATFORM": os + "/" + arch, "TARGETOS": os, "TARGETARCH": arch, "TARGETVARIANT": "",
		"BUILDPLATFORM": os + "/" + arch, "BUILDOS": os, "BUILDARCH": arch, "BUILDVARIANT": ""}
}

// proxies need no ARG, and are in no key of the cache: the same build gives the same image behind another proxy.
var proxies = []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"}

// declare carries out an ARG: the command line's value, or else that of an ARG above the first FROM, or else the default.
func (b *builder) declare(args map[string]string, c *instructions.ArgCommand, above map[string]string) {
	for _, a := range c.Args {
		value, ok := b.o.Args[a.Key]
		if ok {
			b.used[a.Key] = true
		} else if a.Value != nil {
			value, ok = *a.Value, true
		} else if value, ok = above[a.Key]; !ok {
			value, ok = b.platform[a.Key]
		}
		if ok {
			args[a.Key] = value
		}
	}
}

// expand fills in the variables of an instruction.
func (b *builder) expand(c instructions.Command, vars scope) error {
	word := func(raw bool) instructions.SingleWordExpander {
		return func(text string) (string, error) {
			lex := *b.file.lex
			lex.RawQuotes, lex.RawEscapes, lex.SkipProcessQuotes = raw, raw, raw
			out, _, err := lex.ProcessWord(text, vars)
			return out, err
		}
	}
	if c, ok := c.(instructions.SupportsSingleWordExpansion); ok {
		if err := c.Expand(word(false)); err != nil {
			return err
		}
	}
	if c, ok := c.(instructions.SupportsSingleWordExpansionRaw); ok {
		if err := c.ExpandRaw(word(true)); err != nil {
			return err
		}
	}
	return nil
}

// expandAll fills in the variables of words, each of which may become several, as EXPOSE has it.
func (b *builder) expandAll(words []string, vars scope) (list []string, err error) {
	for _, w := range words {
		some, err := b.file.lex.ProcessWords(w, vars)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

// unused says which --build-arg no ARG has asked for.
func (b *builder) unused() string {
	var names []string
	for name := range b.o.Args {
		if !b.used[name] && !slices.Contains(proxies, name) && name != epochName {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	sort.Strings(names)
	return fmt.Sprintf("[Warning] One or more build-args %v were not consumed: no ARG in the Dockerfile names them", names)
}
