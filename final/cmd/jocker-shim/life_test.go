package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/final/engine/shim"
)

// A container that can't live is started less and less often; one that has run for a while is again started at once.
func TestBackOff(t *testing.T) {
	c := &container{Options: &shim.Options{}}
	begun := time.Now()
	c.state.StartedAt, c.state.FinishedAt = begun, begun.Add(time.Second)
	var all []time.Duration
	for i := 0; i < 12; i++ {
		all = append(all, c.delay())
	}
	require.Equal(t, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}, all[:3])
	require.Equal(t, time.Minute, all[11])
	c.state.FinishedAt = begun.Add(11 * time.Second)
	require.Equal(t, 100*time.Millisecond, c.delay())
}

func TestRestartPolicy(t *testing.T) {
	for _, x := range []struct {
		policy         string
		retries, count int
		code           int
		halted, again  bool
	}{
		{"", 0, 0, 1, false, false},
		{"always", 0, 100, 0, false, true},
		{"always", 0, 0, 0, true, false},
		{"unless-stopped", 0, 0, 0, false, true},
		{"on-failure", 0, 100, 1, false, true},
		{"on-failure", 0, 0, 0, false, false},
		{"on-failure", 2, 1, 1, false, true},
		{"on-failure", 2, 2, 1, false, false},
	} {
		c := &container{Options: &shim.Options{}}
		c.setPolicy(x.policy)
		c.MaxRetries, c.state.Restarts, c.state.ExitCode = x.retries, x.count, x.code
		c.halted.Store(x.halted)
		require.Equal(t, x.again, c.restarts(), "%+v", x)
	}
	c := &container{Options: &shim.Options{}}
	c.setPolicy("on-failure:3")
	require.Equal(t, "on-failure 3", c.Restart+" "+string(rune('0'+c.MaxRetries)))
	c.revived.Store(true)
	require.True(t, c.restarts(), "an unhealthy one with --health-on-failure restart, whatever the policy")
	require.False(t, c.restarts(), "once")
}

// Of a container that goes with its end the name goes that it has then.
func TestRename(t *testing.T) {
	c := &container{Options: &shim.Options{Name: "old", Remove: []string{"/r/names/old", "/r/volumes/old"}}}
	c.rename("new")
	require.Equal(t, []string{"new", "/r/names/new", "/r/volumes/old"}, append([]string{c.Name}, c.Remove...))
}
