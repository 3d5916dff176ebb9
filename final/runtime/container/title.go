package container

import (
	"os"
	"strings"
	"unsafe"
)

// titlePrefix begins the title of init, which is its argument 0. By it the program knows what it is to be.
const titlePrefix = "jocker-runtime: init of "

// titleRoom is how many bytes are kept for the name of a stage.
const titleRoom = 12

// title is what ps shows of init: "jocker-runtime: init of ID: mounts". It lies where the kernel put
// the arguments, and /proc/PID/cmdline is read from there: so it is overwritten in place, and cannot
// grow. (prctl(PR_SET_NAME) has room for 15 bytes, and ps -f does not show it.)
func newTitle(id string) string { return titlePrefix + id + ": " + strings.Repeat(" ", titleRoom) }

// setTitle shows a stage in the title. It does nothing in a process that is not init.
func setTitle(stage string) {
	title := os.Args[0]
	if !IsInit() || len(title) < titleRoom {
		return
	}
	room := unsafe.Slice(unsafe.StringData(title), len(title))[len(title)-titleRoom:]
	n := copy(room, stage)
	for i := n; i < len(room); i++ {
		room[i] = ' '
	}
}

// IsInit says whether this process was started as an init.
func IsInit() bool { return len(os.Args) > 0 && strings.HasPrefix(os.Args[0], titlePrefix) }
