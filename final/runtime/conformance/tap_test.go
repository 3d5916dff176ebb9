package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	const output = "TAP version 13\nok 1 - has a name\nnot ok 2 - has a user\n  ---\n  {\"error\": \"not ok 3 - no\"}\n  ...\n" +
		"ok 3 # SKIP no sysctl\nok 4 - twice\nnot ok 5 - twice\nok 6 - twice\nok\n1..6\n"
	r := parse(output, 0)
	require.Empty(t, cmp.Diff(result{
		OK:      map[string]bool{"has a name": true, "has a user": false, "twice": false, "": true},
		Skipped: 1,
		Output:  output,
	}, r))
	require.Equal(t, "FAIL", r.word())
	require.ElementsMatch(t, []string{"has a user"}, r.denied(parse("ok 1 - has a user\nnot ok 2 - twice", 0)))
}

func TestPassed(t *testing.T) {
	for output, want := range map[string]string{
		"ok 1 - fine\n1..1\n":                                   "ok",
		"ok 1 # SKIP no such thing\n1..1\n":                     "skip",
		"not ok 1 - fine\n1..1\n":                               "FAIL",
		"TAP version 13\n1..0\n":                                "mute",
		"TAP version 13\n  {\n  \"error\": \"no\"\n  }\n1..0\n": "FAIL",
		"ok 1 - fine\n  {\n  \"error\": \"as wanted\"\n  }\n1..1\nTAP version 13\n1..0\n": "ok",
	} {
		require.Equal(t, want, parse(output, 0).word(), "%q", output)
		require.Equal(t, "FAIL", parse(output, 1).word(), "%q", output)
	}
}

func TestComplaints(t *testing.T) {
	r := parse("TAP version 13\nok 1 - a\n  why a\nnot ok 2 - b\n  why b\nok 3 - c\n1..3\nexit status 1\n", 1)
	require.Equal(t, "TAP version 13\nnot ok 2 - b\n  why b\n1..3\nexit status 1\n", r.complaints())
}

func TestJudgement(t *testing.T) {
	yes, no, none := parse("ok 1 - a", 0), parse("not ok 1 - a", 0), parse("1..0", 1)
	require.Empty(t, judgement("new", []result{yes, no, none}))
	require.Contains(t, judgement("new", []result{no, none, yes}), "not under ours: a")
	require.Contains(t, judgement("new", []result{none, none, yes}), "a peer passes")
	require.Contains(t, judgement("new", []result{no, no, none}), "explain it")
	known["new"] = "the suite's"
	defer delete(known, "new")
	require.Empty(t, judgement("new", []result{no, no, none}))
	require.NotEmpty(t, judgement("new", []result{no, yes, none}), "an explanation is no excuse if a peer can")
	refused["new"] = "on purpose"
	defer delete(refused, "new")
	require.Empty(t, judgement("new", []result{no, yes, none}))
}
