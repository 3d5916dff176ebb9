// Package guide reads the labs' guides and plays them: the README is the lab, so what it shows must be true.
//
// A guide is a markdown file. Every fenced block whose info string begins with the word console is played,
// in order, in one bash session on a terminal; all other text is for the reader alone. For example:
//
//	```console
//	$ sleep 100 &
//	[1] <pid1>
//	$ kill <pid1>; wait <pid1>
//	[1]+  Terminated              sleep 100
//	[exit 143]
//	$ ls /nowhere
//	ls: cannot access '/nowhere': No such file or directory
//	[exit 2]
//	$ lab03 run -ti /bin/sh
//	# echo $$
//	1
//	# exit
//	```
//
// # The lines of a console block
//
//	$ command    is run by bash. Directory, variables and background jobs last to the end of the guide.
//	> more       right after it: the command's next line (an open quote, a here-document, a trailing \).
//	# command    is typed into the interactive program that the last $ command started, in this block or an
//	/ # command  earlier one. Before the command stands the program's prompt, exactly: a path (or ~ and a path) or
//	             nothing, perhaps a blank, then "# ". The player waits until the program shows this prompt.
//	             The last inner command has to end the program ("# exit"): the next $ line waits for bash.
//	[exit N]     after the output: bash's $? is N. Without it, it has to be 0. If inner commands follow the
//	             $ command, [exit N] stands after the last of them, since the code is that of the whole program.
//	...          alone on its line: any number of lines, none included.
//	other lines  are the command's output, in order and complete, as a terminal shows it: stdout and stderr
//	             together, tabs expanded, escape sequences taken out, blanks at the end of a line left out.
//	             An empty line is an empty line of output, not decoration.
//	\ before     a line that would be read as one of the above makes it plain output: "\$ 5", "\# comment",
//	             "\> quoted" (needed only right after a command), "\...", "\[exit 1]".
//
// A command whose whole output is "..." or "<text>" is refused: it promises nothing. A command without
// output lines promises that it prints nothing.
//
// # Placeholders
//
// What differs from run to run is written <name>, with a name from this table (\< is a plain "<"):
//
//	<pid>      a process's number              42
//	<n>        a whole number                  0, 104857600
//	<num>      a number, perhaps negative      -3, 0.75
//	<percent>  a share                         12.5%
//	<size>     a number of bytes, with or      4096, 100M, 1.2 MiB, 512k
//	           without a unit
//	<time>     a duration                      12ms, 1.5 s, 0m0.012s
//	<clock>    a time of day                   12:59, 00:00:01
//	<date>     a date, as ls or ISO has it     Nov 23 17:26, Nov  3  2024, 2024-11-23
//	<inode>    the number of a namespace       4026531836
//	           or a file
//	<id>       8 to 64 hexadecimal digits      5e8b1c0a9f3d
//	<hex>      hexadecimal digits              0xff, ffff8800
//	<dev>      major:minor                     8:1
//	<mode>     a file's type and permissions   drwxr-xr-x, -rw-r--r--
//	<path>     an absolute path                /var/lib/jocker-labs/x
//	<file>     a name without a slash          cgroup.procs
//	<user>     a user's or group's name        root, www-data
//	<host>     a host's name                   debian, a.example.org
//	<ip>       an IPv4 address, perhaps /bits  10.0.0.1, 10.0.0.0/8
//	<mac>      a link's address                02:42:ac:11:00:02
//	<tty>      a terminal, as ps names it      pts/0, tty1, ?
//	<version>  a version                       6.1.0-28-amd64
//	<word>     anything without a blank        x=1
//	<text>     anything, at least one letter   to the end of the line or the next fixed text
//
// A name with a number, as <pid1>, stands for the same text everywhere in the guide, also within commands;
// and two numbers of one name, <pid1> and <pid2>, stand for two different texts.
//
// Blanks beside a placeholder may be more or fewer in the output, since columns move with their content.
//
// # Words after "console"
//
//	v1 v2        played only where the memory controller is on that version of cgroups
//	swap noswap  played only where swap is on, or off
//	userns       played only where ordinary users may make user namespaces
//	columns      in this block every run of blanks in the output lines stands for any run of blanks
//	             (for tables whose widths differ between machines, as ps's)
//	undo         this block removes what the guide has made: if the guide fails or is interrupted, all its undo
//	             blocks run nevertheless, in a bash of their own in the root directory, whatever they say; and
//	             before the guide begins as well, for a play that was killed may have left something
//	slow=60s     the time limit of each command of this block (otherwise 15s; with LAB_SLOW=1 in the
//	             environment, for emulated machines, ten times as long)
//
// # What else a writer should know
//
// The session has a small environment (HOME, PATH, LANG=C.UTF-8, TERM=dumb, …) and a terminal of 200 columns.
// It is the session of whoever plays: labs that need root are played as root. An inner shell that inherits the
// environment has the prompt "# "; busybox's shell with an environment of its own has "/ # ".
// Job control is on, so bash reports a background job ("[1] <pid>") and its end ("[1]+  Done   …"), the latter at
// the next prompt after it happened: "wait" makes that moment certain.
// What mount(8) adds on a terminal if somebody has edited /etc/fstab since boot, as Vagrant does ("mount: (hint) your
// fstab has been modified …", two lines), is shown but not compared.
// A block must not be indented by four blanks or more, nor stand in a quotation.
//
// When the guide ends, well or not, all its processes are ended. Cgroups, mounts and files are the guide's
// own business: undo them in blocks marked undo, with absolute paths.
package guide
