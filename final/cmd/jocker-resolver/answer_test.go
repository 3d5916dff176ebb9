package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// newResolver has the containers web and db, the latter with IPv6, and gone, who is no more.
func newResolver(t testing.TB) *resolver {
	dir := t.TempDir()
	for _, file := range []string{"web@10.91.0.2", "www@10.91.0.2", "www@10.91.0.3", "db@10.91.0.3", "db@fd00::a5b:3", "gone@10.91.0.4", "no address@x", "no name"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), nil, 0o600))
	}
	return &resolver{domain: "blue", names: dir, alive: func(a string) bool { return a != "10.91.0.4" }, servers: func() []string { return nil }}
}

func question(t testing.TB, name string, kind dnsmessage.Type) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
	packed, err := m.Pack()
	require.NoError(t, err)
	return packed
}

func TestAnswer(t *testing.T) {
	r := newResolver(t)
	for _, test := range []struct {
		name string
		kind dnsmessage.Type
		want []string // nil: the question is for others
	}{
		{"web.", dnsmessage.TypeA, []string{"10.91.0.2"}},
		{"WeB.", dnsmessage.TypeA, []string{"10.91.0.2"}},
		{"web.blue.", dnsmessage.TypeA, []string{"10.91.0.2"}},
		{"web.", dnsmessage.TypeAAAA, []string{}},
		{"web.", dnsmessage.TypeMX, []string{}},
		{"db.", dnsmessage.TypeA, []string{"10.91.0.3"}},
		{"db.", dnsmessage.TypeAAAA, []string{"fd00::a5b:3"}},
		{"www.", dnsmessage.TypeA, []string{"10.91.0.2", "10.91.0.3"}},
		{"2.0.91.10.in-addr.arpa.", dnsmessage.TypePTR, []string{"web.blue."}},
		{"4.0.91.10.in-addr.arpa.", dnsmessage.TypePTR, nil},
		{"gone.", dnsmessage.TypeA, nil},
		{"web.red.", dnsmessage.TypeA, nil},
		{"example.org.", dnsmessage.TypeA, nil},
		{".", dnsmessage.TypeA, nil},
	} {
		packed, done := r.answer(question(t, test.name, test.kind))
		require.Equal(t, test.want != nil, done, "%s %s", test.name, test.kind)
		if !done {
			continue
		}
		var m dnsmessage.Message
		require.NoError(t, m.Unpack(packed))
		require.Equal(t, []any{uint16(7), true, true, dnsmessage.RCodeSuccess}, []any{m.ID, m.Response, m.RecursionAvailable, m.RCode})
		got := []string{}
		for _, a := range m.Answers {
			switch body := a.Body.(type) {
			case *dnsmessage.AResource:
				got = append(got, net.IP(body.A[:]).String())
			case *dnsmessage.AAAAResource:
				got = append(got, net.IP(body.AAAA[:]).String())
			case *dnsmessage.PTRResource:
				got = append(got, body.PTR.String())
			}
		}
		require.ElementsMatch(t, test.want, got, "%s %s", test.name, test.kind)
	}
}

func TestRefuse(t *testing.T) {
	r := newResolver(t)
	r.internal = true
	var m dnsmessage.Message
	require.NoError(t, m.Unpack(r.forward("udp", question(t, "example.org.", dnsmessage.TypeA))))
	require.Equal(t, dnsmessage.RCodeNameError, m.RCode, "nothing is passed on out of an internal network")
}

// TestForward has a name server that first answers another question.
func TestForward(t *testing.T) {
	require.False(t, isAnswer([]byte("0123456789ab"), []byte("0123456789ab")), "a question is no answer")
	require.False(t, isAnswer([]byte("01\x00345678901"), []byte("99\x80345678901")), "another ID")
	require.True(t, isAnswer([]byte("01\x00345678901"), []byte("01\x80345678901")))
	require.False(t, isAnswer(nil, nil))
}

// What containers send is not to be trusted: every message gets an answer that is well formed, or none.
func FuzzAnswer(f *testing.F) {
	f.Add(question(f, "web.", dnsmessage.TypeA))
	f.Add(question(f, "2.0.91.10.in-addr.arpa.", dnsmessage.TypePTR))
	f.Add([]byte{})
	r := newResolver(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		answer, done := r.answer(message)
		if !done {
			answer = r.refuse(message)
		}
		if answer == nil {
			return
		}
		var p dnsmessage.Parser
		header, err := p.Start(answer)
		require.NoError(t, err)
		require.True(t, header.Response)
		require.NoError(t, p.SkipAllQuestions())
		require.NoError(t, p.SkipAllAnswers())
	})
}
