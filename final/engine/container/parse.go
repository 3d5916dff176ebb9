package container

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ParseSize reads a number of bytes as people write it: 512k, 64m, 1.5g, 1GiB. Units are powers of 1024, as with Docker. "" is 0.
func ParseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	digits := strings.TrimRight(strings.ToLower(text), "kmgtpib ")
	unit := strings.TrimSpace(strings.ToLower(text)[len(digits):])
	n, err := strconv.ParseFloat(digits, 64)
	factor := map[string]float64{"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
	short := unit
	if len(unit) > 1 {
		short = strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i")
	}
	f, ok := factor[short]
	if err != nil || !ok || !(n >= 0 && n*f <= 1<<62) || strings.ContainsAny(digits, "xX_") {
		return 0, fmt.Errorf("invalid size: '%s': a number and one of b, k, m, g, such as 64m", text)
	}
	return int64(n * f), nil
}

// ParseMAC reads a hardware address that one card can have: 02:42:0a:5a:00:02.
func ParseMAC(text string) (net.HardwareAddr, error) {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
		return nil, fmt.Errorf("invalid MAC address: %s: six bytes, the first of which is even, such as 02:42:ac:11:00:02", text)
	}
	return mac, nil
}

// ParseSignal reads a signal's name, with or without SIG, or number.
func ParseSignal(text string) (unix.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n <= 64 {
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if s := unix.SignalNum(name); s != 0 {
		return s, nil
	}
	for prefix, base := range map[string]int{"SIGRTMIN": 34, "SIGRTMAX": 64} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if n, err := strconv.Atoi("0" + strings.TrimLeft(rest, "+-")); err == nil && n <= 30 {
				if strings.HasPrefix(rest, "-") {
					n = -n
				}
				return unix.Signal(base + n), nil
			}
		}
	}
	return 0, fmt.Errorf("invalid signal: %s: a name such as TERM or a number", text)
}
