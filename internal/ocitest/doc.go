// Package ocitest makes OCI bundles and runs them under any runtime: ours, runc, crun.
//
// A bundle is a folder with a config.json and a root file system, and a runtime is a program that makes a
// container of it (runtime.md of the OCI runtime specification). All runtimes read the same bundle and have
// the same commands, so whatever a test says to one it can say to another, and compare the answers. That is
// how the tests here know what is right: not from a second implementation of ours, but from two others.
//
//	func TestMain(m *testing.M) { labtest.Main(m) }
//
//	func TestHostname(t *testing.T) {
//		labtest.Snapshot(t)
//		for _, r := range []ocitest.Runtime{ocitest.UnderTest(t), ocitest.Runc(t), ocitest.Crun(t)} {
//			b := ocitest.NewBundle(t, func(s *specs.Spec) { s.Hostname = "jocker"; s.Process.Args = []string{"hostname"} })
//			require.Equal(t, "jocker\n", r.RunBundle(t, "id", b).Stdout, r.Name)
//		}
//	}
//
// The bundles' root holds a static busybox and nothing else; their config.json begins as `runc spec` prints it.
//
// # The runtime under test
//
// It is bin/jocker-runtime (labtest.Bin finds or builds it). OCITEST_RUNTIME=/usr/bin/runc puts another in its
// place: so the tests can be tested, and other runtimes too.
//
// # crun on a hybrid host
//
// Where the cgroup v1 controllers are mounted beside a v2 hierarchy that has a controller of its own, crun up to
// 1.8 refuses to run. [Crun] therefore runs it in a private mount namespace in which an empty tmpfs hides the v2
// hierarchy: to crun the host then has cgroup v1.
package ocitest
