package layer

import (
	"time"

	"golang.org/x/sys/unix"
)

// modTime returns when a file's content was changed last.
func modTime(st *unix.Stat_t) time.Time {
	return time.Unix(st.Mtim.Unix())
}
