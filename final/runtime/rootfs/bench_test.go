package rootfs

import (
	"bytes"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"

	"jocker/final/runtime/bundle"
)

// BenchmarkDefault tells where the time goes for the files of `jocker-runtime spec`: the median of each step.
func BenchmarkDefault(b *testing.B) {
	if os.Getuid() != 0 {
		b.Fatal("this benchmark makes mounts, and needs root")
	}
	b.Run("steps", func(b *testing.B) {
		names, times := []string(nil), map[string][]int{}
		for i := 0; i < b.N; i++ {
			for _, line := range strings.Split(strings.TrimSpace(timed(b)), "\n") {
				number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
				ns, _ := strconv.Atoi(number)
				if times[name] == nil {
					names = append(names, name)
				}
				times[name] = append(times[name], ns)
			}
		}
		var table bytes.Buffer
		sum := 0
		for _, name := range names {
			list := times[name]
			sort.Ints(list)
			fmt.Fprintf(&table, "%8.1f µs  %s\n", float64(list[len(list)/2])/1000, name)
			sum += list[len(list)/2]
		}
		if b.N > 1 {
			fmt.Printf("\n%s", table.String())
		}
		b.ReportMetric(float64(sum)/1000, "µs/container")
	})
}

// timed makes one container.
func timed(b *testing.B) string {
	t := &testing.T{}
	box := newBox(t)
	namespaces := box.Namespaces
	box.Config = FromSpec(bundle.Default(), box.dir)
	box.Namespaces, box.times = namespaces, true
	out, failure := box.run("true")
	if failure != "" {
		b.Fatal(failure)
	}
	os.RemoveAll(box.dir)
	return out
}
