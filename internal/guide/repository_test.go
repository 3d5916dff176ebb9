package guide

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRepository looks at the guides of all labs: each is there in both languages, which have the same console blocks,
// and its links lead somewhere.
func TestRepository(t *testing.T) {
	dirs, err := filepath.Glob("../../lab[0-9][0-9]-*")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(dirs), 6, "a lab is missing")
	dirs = append(dirs, "../../final")
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var guides []*Guide
			for _, name := range []string{"README.md", "README.zh-CN.md"} {
				g, err := ParseFile(filepath.Join(dir, name))
				require.NoError(t, err)
				require.NotEmpty(t, g.Blocks, "%s has no console block", g.File)
				guides = append(guides, g)
				text, err := os.ReadFile(g.File)
				require.NoError(t, err)
				require.Empty(t, deadLinks(dir, string(text)), "links in %s that lead nowhere", g.File)
			}
			require.NoError(t, SameBlocks(guides[0], guides[1]))
		})
	}
}

var (
	inlineLink = regexp.MustCompile(`\]\(<?([^)>\s]+)`)
	targetLink = regexp.MustCompile(`^ {0,3}\[[^\]]+\]: *<?([^>\s]+)`)
	codeSpan   = regexp.MustCompile("`[^`]*`")
)

// deadLinks lists the relative links in a markdown text whose files don't exist.
func deadLinks(dir, text string) []string {
	var dead []string
	for _, e := range scan(text, func(int, string, ...any) {}) {
		line := codeSpan.ReplaceAllString(e.text, "")
		for _, m := range append(inlineLink.FindAllStringSubmatch(line, -1), targetLink.FindAllStringSubmatch(line, -1)...) {
			path, _, _ := strings.Cut(m[1], "#")
			if path == "" || strings.Contains(path, ":") {
				continue // a place in the same file, or https:
			}
			if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
				dead = append(dead, m[1])
			}
		}
	}
	return dead
}

func TestDeadLinks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "there.go"), nil, 0o644))
	require.Equal(t, []string{"gone.md", "../gone#x", "gone.png", "lost"}, deadLinks(dir, text(
		"# A [title](gone.md) and [x](there.go#L1)",
		"[x](https://example.org/x) [y](#here) `[z](code)` [z](../gone#x) ![i](gone.png \"title\")",
		"'''go", "x := y[0](gone)", "'''",
		"[ref]: lost", "[there]: there.go")))
}
