package guide

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options say how a guide is played. The zero value is fine for guides that use no lab's program.
type Options struct {
	Dir   string        // where bash starts; the guide's own folder if empty
	Bin   string        // the folder of the built programs, the first on the PATH
	Out   io.Writer     // gets headings, commands and output as they come; nothing if nil
	Color bool          // Out understands colours
	Limit time.Duration // the time limit of a command without slow=; 15 s if 0
}

// Report tells what was played.
type Report struct {
	Steps   int           // commands typed
	Checks  int           // lines of output and exit codes compared
	Skipped int           // blocks for other machines
	Ended   []string      // processes that the guide left behind and the player ended
	Time    time.Duration // from the first heading to the last process
}

// String is the line at the end of a guide.
func (r Report) String() string {
	text := fmt.Sprintf("%d steps, %d checks, %.1f s", r.Steps, r.Checks, r.Time.Seconds())
	if r.Skipped > 0 {
		text += fmt.Sprintf(" (%d blocks are for other machines)", r.Skipped)
	}
	return text
}

// one is held while a guide is played: orphans come to the whole program, so two guides can't tell theirs apart.
var one sync.Mutex

// player plays one guide.
type player struct {
	*Guide
	printer
	session *session
	limit   time.Duration
	known   *bindings
	report  Report
}

// Play plays the guide: it types every command and compares what comes with what the guide promises. The error is a
// *Failure if the guide doesn't keep its word. In every case the processes that it started are ended, as they are
// when the context ends. Guides in one program are played one after the other; don't start other sessions (setsid)
// in the program meanwhile, they would be taken for the guide's.
func (g *Guide) Play(ctx context.Context, o Options) (report Report, err error) {
	one.Lock()
	defer one.Unlock()
	start := time.Now()
	p := &player{Guide: g, printer: printer{w: o.Out, color: o.Color}, limit: o.Limit}
	if p.w == nil {
		p.w = io.Discard
	}
	if p.limit == 0 {
		p.limit = 15 * time.Second
	}
	if o.Dir == "" {
		o.Dir = filepath.Dir(g.File)
	}
	if o.Bin != "" {
		if o.Bin, err = filepath.Abs(o.Bin); err != nil {
			return report, err
		}
	}
	standIns, note, err := standIn(g, o.Bin)
	if err != nil {
		return report, err
	}
	if standIns != "" {
		defer os.RemoveAll(standIns)
		p.note("%s", note)
	}
	g.undo(environment(o.Bin, standIns)) // what is left of a play that was killed would be in the way
	if p.session, err = newSession(ctx, o.Dir, environment(o.Bin, standIns)); err != nil {
		return report, err
	}
	err = p.play(ctx)
	left, also := p.session.close()
	for _, process := range left {
		p.report.Ended = append(p.report.Ended, process.String())
	}
	if len(left) > 0 && err == nil {
		p.note("ended what the guide left running: %s", strings.Join(p.report.Ended, ", "))
	}
	if err != nil {
		g.undo(environment(o.Bin, standIns))
	}
	p.report.Time = time.Since(start)
	if also != nil {
		err = errors.Join(err, also)
	}
	return p.report, err
}

// undo runs the guide's undo blocks, before it is played and after a failure. Most of what they remove was never made, so what
// they say and how they end doesn't matter.
func (g *Guide) undo(env []string) {
	var script strings.Builder
	for _, b := range g.Blocks {
		for _, c := range b.Commands {
			if b.undo && b.unmet() == "" {
				script.WriteString(c.Text + "\n")
			}
		}
	}
	if script.Len() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), slowly(10*time.Second))
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir, cmd.Env = "/", env
	cmd.Run()
}

// play types the commands of all blocks that are for this machine.
func (p *player) play(ctx context.Context) error {
	var steps []*step
	for _, b := range p.Blocks {
		if b.unmet() != "" {
			steps = append(steps, &step{block: b})
			continue
		}
		for _, c := range b.Commands {
			steps = append(steps, &step{Command: c, block: b})
		}
	}
	var next *Command
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Command != nil {
			steps[i].next, next = next, steps[i].Command
		}
	}
	for _, s := range steps {
		p.headings(s.block)
		if s.Command == nil {
			p.report.Skipped++
			p.note("%s:%d is skipped: it needs %s", p.File, s.block.Number, s.block.unmet())
		} else if err := p.step(ctx, s); err != nil {
			return err
		}
	}
	if p.report.Steps == 0 {
		return fmt.Errorf("%s: nothing to play: no console block is for this machine", p.File)
	}
	return nil
}
