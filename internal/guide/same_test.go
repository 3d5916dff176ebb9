package guide

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSameBlocks(t *testing.T) {
	const head = "# Title\n\nWords.\n\n"
	here := head + block("$ a", "> b", "x", "<pid>", "[exit 1]", "$ sh", "# c", "y")
	for name, c := range map[string]struct{ a, b, want string }{
		"same":            {here, "# 标题\n" + here[len(head):], ""},
		"command":         {here, strings.Replace(here, "# c", "# d", 1), "the languages differ:\na.md:12: \"# c\"\nb.md:12: \"# d\""},
		"continuation":    {here, strings.Replace(here, "> b", "> c", 1), "the languages differ:\na.md:6: \"$ a\\nb\"\nb.md:6: \"$ a\\nc\""},
		"prompt":          {here, strings.Replace(here, "# c", "/ # c", 1), "the languages differ:\na.md:12: \"# c\"\nb.md:12: \"/ # c\""},
		"output":          {here, "\n" + strings.Replace(here, "<pid>", "<n>", 1), "the languages differ:\na.md:9: \"<pid>\"\nb.md:10: \"<n>\""},
		"exit code":       {here, strings.Replace(here, "[exit 1]", "[exit 2]", 1), "the languages differ:\na.md:10: \"[exit 1]\"\nb.md:10: \"[exit 2]\""},
		"words":           {here, strings.Replace(here, "console", "console v1", 1), "the languages differ:\na.md:5: \"console [] slow=0s columns=false\"\nb.md:5: \"console [v1] slow=0s columns=false\""},
		"time limit":      {here, strings.Replace(here, "console", "console slow=2s", 1), "the languages differ:\na.md:5: \"console [] slow=0s columns=false\"\nb.md:5: \"console [] slow=2s columns=false\""},
		"columns":         {here, strings.Replace(here, "console", "console columns", 1), "the languages differ:\na.md:5: \"console [] slow=0s columns=false\"\nb.md:5: \"console [] slow=0s columns=true\""},
		"line missing":    {here, strings.Replace(here, "y\n", "", 1), "a.md:13: \"y\" is missing in the same block at b.md:5"},
		"line too many":   {here, strings.Replace(here, "y\n", "y\nz\n", 1), "b.md:14: \"z\" is missing in the same block at a.md:5"},
		"block missing":   {here + here, here, "a.md:19: this console block is missing in b.md"},
		"block too many":  {here, here + here, "b.md:19: this console block is missing in a.md"},
		"no block at all": {head, head, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Parse("a.md", strings.NewReader(c.a))
			require.NoError(t, err)
			b, err := Parse("b.md", strings.NewReader(c.b))
			require.NoError(t, err)
			if err = SameBlocks(a, b); c.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.want)
			}
		})
	}
}
