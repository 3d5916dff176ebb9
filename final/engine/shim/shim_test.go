package shim

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// fill gives every field a value, so that none is forgotten when one is added.
func fill(v reflect.Value) {
	for i := 0; i < v.NumField(); i++ {
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString("-text with spaces\"\n")
		case bool:
			f.SetBool(true)
		case int, int64, time.Duration:
			f.SetInt(int64(i) + 1)
		case uint64:
			f.SetUint(uint64(i) + 1)
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(int64(i), 5).UTC()))
		case []string:
			f.Set(reflect.ValueOf([]string{"a", "-remove", "b"}))
		default:
			fill(f)
		}
	}
}

func TestOptions(t *testing.T) {
	var o Options
	fill(reflect.ValueOf(&o).Elem())
	got, err := Parse(o.Args())
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(&o, got))
	for _, bad := range [][]string{{"-id"}, {"-nosuch", "1"}, {"-retries", "x"}, {"-log-size", "x"}, nil} {
		_, err := Parse(bad)
		require.Error(t, err)
	}
}

// What a shim writes by hand is the JSON that commands read.
func TestState(t *testing.T) {
	var s, got State
	fill(reflect.ValueOf(&s).Elem())
	s.Error = "\x00\x1f \u2028 ü \xff \\"
	require.NoError(t, json.Unmarshal(s.JSON(), &got))
	s.Error = "\x00\x1f \u2028 ü \ufffd \\"
	require.Empty(t, cmp.Diff(s, got))
}

func FuzzState(f *testing.F) {
	f.Add("text", "\x00\"\\\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		s := State{Error: a, KilledBy: b}
		if !json.Valid(s.JSON()) {
			t.Errorf("%q", s.JSON())
		}
	})
}
