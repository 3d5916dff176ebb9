package devices

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

// interpret runs a program as the kernel would, and refuses what its verifier refuses: a register that is read before
// it is written, a jump backwards or out of the program.
func interpret(program []instruction, accessType, majorNumber, minorNumber uint32) (uint64, error) {
	var r [10]uint64
	known := [10]bool{question: true}
	data := map[int16]uint32{0: accessType, 4: majorNumber, 8: minorNumber}
	for at := 0; at < len(program); at++ {
		i := program[at]
		reads := []uint8{i.dst}
		switch i.code {
		case opLoad, opCopy:
			reads[0] = i.src
		case opMove:
			reads = nil
		case opExit:
			reads[0] = answer
		}
		for _, reg := range reads {
			if !known[reg] {
				return 0, fmt.Errorf("instruction %d reads r%d, which is not set", at, reg)
			}
		}
		switch i.code {
		case opLoad:
			r[i.dst], known[i.dst] = uint64(data[i.offset]), i.src == question
		case opMove:
			r[i.dst], known[i.dst] = uint64(int64(i.imm)), true
		case opCopy:
			r[i.dst], known[i.dst] = r[i.src], true
		case opAnd:
			r[i.dst] &= uint64(int64(i.imm))
		case opShift:
			r[i.dst] >>= uint(i.imm)
		case opJumpIf, opJumpElse:
			if (r[i.dst] == uint64(int64(i.imm))) == (i.code == opJumpIf) {
				if i.offset < 0 {
					return 0, fmt.Errorf("instruction %d jumps backwards", at)
				}
				at += int(i.offset)
			}
		case opExit:
			return r[answer], nil
		default:
			return 0, fmt.Errorf("instruction %d: unknown code %#x", at, i.code)
		}
	}
	return 0, fmt.Errorf("the program runs out of its end")
}

// kernelV1 answers as security/device_cgroup.c does for a state.
func kernelV1(s *State, typ byte, major, minor int64, access Access) bool {
	for _, e := range s.Except {
		if e.Type != typ || e.Major != Any && e.Major != major || e.Minor != Any && e.Minor != minor {
			continue
		}
		if s.Allow && e.Access&access != 0 {
			return false
		}
		if !s.Allow && access&^e.Access == 0 {
			return true
		}
	}
	return s.Allow
}

// randomRules draws from few numbers, so that rules meet.
func randomRules(dice *rand.Rand) []Rule {
	rules := make([]Rule, dice.Intn(8))
	for i := range rules {
		rules[i] = Rule{dice.Intn(2) == 0, "abc"[dice.Intn(3)], int64(dice.Intn(4) - 1), int64(dice.Intn(4) - 1), Access(1 + dice.Intn(7))}
		if dice.Intn(5) == 0 {
			rules[i].Type, rules[i].Major, rules[i].Minor, rules[i].Access = 'a', Any, Any, All
		}
	}
	return rules
}

// everywhere asks about each device and access of randomRules' numbers, and one number more.
func everywhere(ask func(typ byte, major, minor int64, access Access)) {
	for _, typ := range []byte("bc") {
		for major := int64(0); major < 4; major++ {
			for minor := int64(0); minor < 4; minor++ {
				for access := Access(1); access <= All; access++ {
					ask(typ, major, minor, access)
				}
			}
		}
	}
}

// The program answers what the rules mean.
func TestCompileMeaning(t *testing.T) {
	for seed := int64(0); seed < 300; seed++ {
		rules := randomRules(rand.New(rand.NewSource(seed)))
		program, err := compile(rules)
		require.NoError(t, err)
		everywhere(func(typ byte, major, minor int64, access Access) {
			got, err := interpret(program, uint32(access)<<16|map[byte]uint32{'b': 1, 'c': 2}[typ], uint32(major), uint32(minor))
			require.NoError(t, err)
			require.Equal(t, Allowed(rules, typ, major, minor, access), got == 1, "%v: %c %d:%d %s", rules, typ, major, minor, access)
		})
	}
}

// v1's state answers what the rules mean, or there is none. Only accesses of one kind are compared: see TestReduceOpen.
func TestReduceMeaning(t *testing.T) {
	refused := 0
	for seed := int64(0); seed < 1000; seed++ {
		rules := randomRules(rand.New(rand.NewSource(seed)))
		state, err := Reduce(rules)
		if err != nil {
			refused++
			continue
		}
		everywhere(func(typ byte, major, minor int64, access Access) {
			if access == Mknod || access == Read || access == Write {
				require.Equal(t, Allowed(rules, typ, major, minor, access), kernelV1(state, typ, major, minor, access),
					"%v became %v: %c %d:%d %s", rules, state, typ, major, minor, access)
			}
		})
	}
	require.Less(t, refused, 700)
	require.Greater(t, refused, 50)
}

// An open for reading and writing is allowed by two rules of which one is within the other.
func TestReduceOpen(t *testing.T) {
	rules := []Rule{{true, 'c', 1, Any, Read}, {true, 'c', 1, 3, Write}}
	state, err := Reduce(rules)
	require.NoError(t, err)
	require.True(t, kernelV1(state, 'c', 1, 3, Read|Write))
	require.False(t, kernelV1(state, 'c', 1, 4, Read|Write))
}

func TestReduceRefuses(t *testing.T) {
	_, err := Reduce([]Rule{{false, 'a', Any, Any, All}, {true, 'c', 136, Any, All}, {false, 'c', 136, 5, Write}})
	require.EqualError(t, err, `linux.resources.devices: the rule for "c 136:5 w" makes an exception from the one for "c 136:* rwm", `+
		`which cgroup v1 cannot express; list what is allowed instead, or use cgroup v2`)
}

// Going from one state to another on v1 ends in the other.
func TestWrites(t *testing.T) {
	for seed := int64(0); seed < 500; seed++ {
		dice := rand.New(rand.NewSource(seed))
		from, err1 := Reduce(randomRules(dice))
		to, err2 := Reduce(randomRules(dice))
		if err1 != nil || err2 != nil {
			continue
		}
		now := *from
		now.Except = append([]Rule(nil), from.Except...)
		for _, w := range to.Writes(from) { // what the kernel makes of each line
			if w.Line == "a" {
				now = State{Allow: w.Allow}
				continue
			}
			line := ParseState([]byte(w.Line + "\n")).Except[0]
			line.Allow = w.Allow
			if w.Allow != now.Allow {
				now.add(line)
				continue
			}
			for i := range now.Except { // an exception goes only by its own name
				if e := &now.Except[i]; e.Type == line.Type && e.Major == line.Major && e.Minor == line.Minor {
					if e.Access &^= line.Access; e.Access == 0 {
						now.Except = append(now.Except[:i], now.Except[i+1:]...)
					}
					break
				}
			}
		}
		require.Equal(t, to.Allow, now.Allow)
		require.ElementsMatch(t, to.Except, now.Except, "from %v by %v", from, to.Writes(from))
	}
}

func TestParse(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	rules, err := Parse([]specs.LinuxDeviceCgroup{
		{Access: "rwm"},
		{Allow: true, Type: "c", Major: n(10), Minor: n(229), Access: "rw"},
		{Allow: true, Type: "b", Major: n(8), Minor: n(-1), Access: "r"},
		{Allow: true, Type: "a"},
	})
	require.NoError(t, err)
	require.Equal(t, []Rule{{false, 'a', Any, Any, All}, {true, 'c', 10, 229, Read | Write}, {true, 'b', 8, Any, Read}, {true, 'a', Any, Any, All}}, rules)
	for want, d := range map[string]specs.LinuxDeviceCgroup{
		`linux.resources.devices[0]: type is "u": it is "b" for block devices, "c" for character devices or "a" for both`: {Type: "u"},
		`linux.resources.devices[0]: major is 4096: it is 0 to 4095, or -1 for all`:                                       {Major: n(4096)},
		`linux.resources.devices[0]: minor is -2: it is 0 to 1048575, or -1 for all`:                                      {Minor: n(-2)},
		`linux.resources.devices[0]: access is "rx": it is made of r (read), w (write) and m (mknod)`:                     {Access: "rx"},
	} {
		_, err := Parse([]specs.LinuxDeviceCgroup{d})
		require.EqualError(t, err, want)
	}
}

func TestTooManyRules(t *testing.T) {
	_, err := Compile(make([]Rule, maxRules+1))
	require.EqualError(t, err, "linux.resources.devices has 501 rules; there can be 500")
	p, err := compile(func() (rules []Rule) {
		for i := int64(0); i < maxRules; i++ {
			rules = append(rules, Rule{i%2 == 0, 'c', i, i, Read})
		}
		return rules
	}())
	require.NoError(t, err)
	require.LessOrEqual(t, len(p), 4096)
}

func FuzzParseState(f *testing.F) {
	f.Add([]byte("a *:* rwm\n"))
	f.Add([]byte("c 1:3 rwm\nb *:* m\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := ParseState(text)
		if s == nil {
			return
		}
		var again []byte
		for _, e := range s.Except {
			again = append(again, e.String()+"\n"...)
		}
		if s.Allow {
			again = []byte("a *:* rwm\n")
		}
		require.Equal(t, s, ParseState(again))
	})
}
