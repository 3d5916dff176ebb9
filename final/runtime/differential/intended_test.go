package differential

import "regexp"

// A difference is meant: lines that match are not compared; if the expression has a group, only what the group matches
// is left out of the line.
type difference struct {
	trial *regexp.Regexp // of which trials
	peer  string         // from whom we differ; "" is both
	line  *regexp.Regexp // section and text
	why   string
}

func differs(trial, peer, line, why string) difference {
	return difference{regexp.MustCompile(trial), peer, regexp.MustCompile(line), why}
}

func (d difference) matches(trial, peer string, l line) bool {
	return (d.peer == "" || d.peer == peer) && d.trial.MatchString(trial) && d.line.MatchString(string(l))
}

var intended = []difference{
	// The machine.
	differs("", "crun", `^cgroup: 0::`, "package ocitest hides the v2 hierarchy of a hybrid host from crun"),
	differs("", "runc", `^cgroup: 0::/`, "on a hybrid host runc makes a cgroup in the v2 hierarchy, too, where none of its controllers is"),

	// Where the container's cgroup is, if config.json doesn't say so or says it relatively.
	differs("", "runc", `^(?:mountinfo|cgroup):.*[ :](/\S+)/trial-`, "runc puts it into the caller's own cgroup; we at the root, as crun does, unless the caller is an ordinary user"),
	differs("cgroup-relative", "crun", `^cgroup: \d+:[a-z=]+:`, "crun's relative path begins at the root, runc's and ours at the caller's own cgroup"),

	// Devices.
	differs("", "runc", `\bfiles: devices.list: c 10:200 rwm$`, "runc 1.1 lets every container use /dev/net/tun; runc 1.2 no longer does, nor do we"),
	differs("", "crun", `\bfiles: devices.list`, "crun allows other default devices"),
	differs("/dev$", "crun", ` core -> /proc/kcore$`, "crun makes this link; the specification doesn't list it"),

	differs("user-namespace", "", `^mountinfo: /\w+ /dev/(?:null|zero|full|tty|random|urandom) `, "bound from the host where nobody may make nodes: the order differs, and crun's flags"),

	// Mounts that config.json doesn't describe in full.
	differs("", "", `^mountinfo: / /sys/fs/cgroup `, "the tmpfs around the v1 hierarchies is read-only if config.json says so; runc and crun leave it writable"),
	differs("", "crun", `^mountinfo: /\S* /sys/fs/cgroup/`, "crun mounts the v1 hierarchies in another order, and anew"),
	differs("cgroup-namespace", "", `^mountinfo: / /sys/fs/cgroup/`, "in a cgroup namespace runc mounts the v1 hierarchies anew, we bind them as always"),
	differs("cgroup-namespace", "crun", `^output: net_(?:cls|prio)$`, "crun makes folders for hierarchies that aren't there"),
	differs("", "crun", `^mountinfo: \S+ (?:/proc/(?:acpi|keys|timer_list|scsi|kcore)|/sys/firmware) `, "crun masks with other mounts, and before the read-only paths"),
	differs("", "crun", `^mountinfo: / /sys `, "crun makes the mount read-only, we and runc its file system as well"),
	differs("", "crun", `^mountinfo:.*( master:N)`, "crun's default propagation is private, ours and runc's is slave"),
	differs("tmpfs-copyup", "", `^mountinfo: / /etc .*(,mode=755)`, "we give the tmpfs the folder's mode when mounting, they do afterwards"),

	// What a peer of this version lacks or gets wrong.
	differs("domainname|personality", "runc", `^output:`, "new in runc 1.2"),
	differs("rlimits-none|visits/process", "runc", `^limits: Max open files\s+(\d+\s+)`, "the Go below runc 1.1 raises the soft limit, and runc hands that on; ours is the caller's"),
	differs("tmpfs", "runc", `^output: 177.$`, "runc 1.1 overrides mode= by the mode of the folder below"),
	differs("propagation-unbindable", "runc", `^code:`, "runc makes / unbindable before it binds the root file system, and fails"),
	differs("propagation-shared", "runc", `^mountinfo: BUNDLE/rootfs / .*( shared:N)`, "config-linux.md: the rootfs mount belongs to a new peer group; runc makes it private"),
	differs("bind-(unbindable|shared)", "crun", `^mountinfo: BUNDLE/data /mnt .*( unbindable| shared:N)`, "crun 1.8 loses the propagation flag of a bind mount"),
	differs("relative-cwd", "crun", `^code:`, "config.md: cwd MUST be an absolute path"),
	differs("bad-version", "runc", `^code:`, "config.md: ociVersion; runc doesn't look at it"),

	// Commands.
	differs("TestCommands", "crun", `^\d+ .*: (?:output|told|hook): `, "engines rely on the form in which runc prints; crun has its own"),
	differs("TestCommands", "runc", `"owner":"(\w*)"`, "runc fills in the owner in list, but not in state"),
	differs("TestExec", "crun", `^(?:status: NoNewPrivs|limits: Max open files)`, "crun's exec begins with its caller's process, ours and runc's with the container's"),
	differs("TestExec/visits/capability", "crun", `^status: Cap`, "crun's --cap is all that the process gets, ours and runc's is in addition"),
	differs("update-units", "crun", `.*`, "crun 1.8 passes 64M on as it is"),
	differs("bad-id|unknown", "runc", `: output: `, "runc explains a wrong command line on standard output"),
	differs("stopped|nobody", "crun", `^\d (?:exec|ps) ID`, "crun has codes of its own, and 1.8 crashes on ps of a stopped container"),
	differs("TestExec", "crun", `^code:`, "as above: runc's codes are 255 for its own failure, 126, 127"),
	differs("signals", "crun", `^11 kill ID NOSUCH`, "crun 1.8 takes an unknown name for signal 0"),
	differs("unknown", "", `^[03] .*: code`, "runc's code for a command that it doesn't know is 3, crun's 64 for an unknown flag; engines know of neither"),
	differs("keep", "crun", `.*`, "crun 1.8 has no --keep"),
	differs("pause$", "crun", `^\d (?:pause|resume) ID: code`, "runc refuses to pause what is paused"),
	differs("hook-fails", "crun", `^0 create`, "runc's exit code for a failed create is 1, crun's 255 or so"),
	differs("hook-start-fails", "", `^1 start ID: code`, "runtime.md: if a startContainer hook fails, start MUST generate an error; they have returned by then"),
	differs("hook-poststop-fails", "runc", `^[34] `, "runtime.md: if a poststop hook fails, the runtime MUST log a warning and go on; runc 1.1 makes it an error and stops"),
	differs("hooks$", "runc", `^1 \?hooks: (?:hook: poststart m|told: .*)$`, "runc calls poststart when the container is created; it is to be called after the start"),
	differs("hooks$", "runc", `^\d \?hooks: told: .*("status":"\w+")`, "runtime.md: a container is created after step 2 of the lifecycle, and prestart is step 3; runc tells creating, and created to poststart"),
}
