package guide

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// session is the one bash of a guide, on a terminal of its own.
//
// The player must know for certain when a command has ended. So bash's prompt is a mark that no output contains: a
// number drawn at random, and the exit code. It is in PS1, not in PROMPT_COMMAND, since bash reports ended jobs
// between the two. PS1 is also what inner shells inherit; they don't have the variable _lab, so theirs is "# ".
type session struct {
	terminal *os.File
	settings *syscall.Termios
	bash     *exec.Cmd
	family   *family
	died     chan struct{}
	chunks   chan []byte // what came from the terminal, closed at its end

	mark    string         // the beginning of bash's prompts
	prompts *regexp.Regexp // a whole prompt of bash's
	raw     []byte         // came, but not on the screen yet
	screen  screen
	echo    string // the end of the first line, if the program echoes what was typed
	shown   int    // so many lines of the screen have been given to show
	show    func(line string)
}

const (
	promptPS1 = `${_lab+@@lab-$_lab-$?@@}# `
	promptPS2 = `${_lab+@@lab-$_lab-more@@}`
)

// maxOutput is how much output a command may have, so that a loop doesn't fill the memory.
const maxOutput = 4 << 20

// newSession starts bash and waits until it is ready.
func newSession(ctx context.Context, dir string, env []string) (s *session, err error) {
	program, err := exec.LookPath("bash")
	if err != nil {
		return nil, fmt.Errorf("guides are played by bash: %w: install it (apt-get install -y bash)", err)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("start bash in the guide's folder: %w", err)
	}
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	name := hex.EncodeToString(random)
	ours, theirs, settings, err := openTerminal()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	s = &session{terminal: ours, settings: settings, died: make(chan struct{}), chunks: make(chan []byte), mark: "@@lab-" + name}
	s.prompts = regexp.MustCompile("^" + s.mark + "-(?:(more)@@|([0-9]+)@@# )")
	if s.family, err = adopt(); err != nil {
		ours.Close()
		return nil, err
	}
	s.bash = exec.Command(program, "--norc", "--noprofile", "--noediting", "-i")
	s.bash.Dir, s.bash.Env = dir, append(env, "PS1="+promptPS1)
	s.bash.Stdin, s.bash.Stdout, s.bash.Stderr = theirs, theirs, theirs
	s.bash.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.bash.Start(); err != nil {
		s.family.stop()
		ours.Close()
		return nil, fmt.Errorf("start bash in %s: %w", dir, err)
	}
	s.family.watch(s.bash.Process.Pid)
	go func() {
		s.bash.Wait()
		close(s.died)
	}()
	go s.read()

	if err = s.enter(ctx, "_lab="+name+" PS2='"+promptPS2+"'; unset HISTFILE MAILCHECK", true); err != nil {
		err = fmt.Errorf("type into the terminal: %w", err)
	} else if p := s.wait(ctx, "", slowly(15*time.Second)); p.at == atBash {
		return s, nil
	} else if p.at == cancelled {
		err = context.Cause(ctx)
	} else {
		err = fmt.Errorf("bash doesn't come up, it says only %q", s.output())
	}
	if _, also := s.close(); also != nil {
		err = errors.Join(err, also)
	}
	return nil, err
}

// read passes on what comes from the terminal, until nobody has it open any more.
func (s *session) read() {
	defer close(s.chunks)
	for {
		buffer := make([]byte, 32<<10)
		n, err := s.terminal.Read(buffer)
		if n > 0 {
			s.chunks <- buffer[:n]
		}
		if err != nil {
			return
		}
	}
}

// close ends everything that was started in the session. It returns what was running besides bash.
func (s *session) close() (left []process, err error) {
	go func() {
		for range s.chunks { // or those who write last words would wait for a reader
		}
	}()
	left, err = s.family.end()
	s.terminal.Close()
	if err == nil {
		<-s.died
	}
	s.family.stop()
	return left, err
}

// newOutput begins the output of a command: a new screen, of which each finished line is shown.
func (s *session) newOutput(show func(string)) {
	s.screen, s.echo, s.shown, s.show = screen{}, "", 0, show
}

// enter types a line, for bash or for the program that is running.
func (s *session) enter(ctx context.Context, text string, forBash bool) error {
	var now syscall.Termios
	if err := terminalCall(s.terminal, syscall.TCGETS, &now); err != nil {
		return err
	}
	if forBash { // a program may have left the terminal changed
		now = *s.settings
		if err := terminalCall(s.terminal, syscall.TCSETS, &now); err != nil {
			return err
		}
	}
	if now.Lflag&syscall.ECHO != 0 || now.Lflag&syscall.ICANON == 0 {
		if err := s.awaitEcho(ctx, text); err != nil {
			return err
		}
		text = ""
	}
	_, err := s.terminal.WriteString(text + "\n")
	return err
}

// awaitEcho types a text, without its newline, into a program that may echo it: because the terminal does, or because
// the program reads letter by letter. Only the eye can tell (bash's readline reads so, and echoes nothing on a terminal
// that doesn't). What appears within a moment is taken out of the output.
func (s *session) awaitEcho(ctx context.Context, text string) error {
	if _, err := s.terminal.WriteString(text); err != nil {
		return err
	}
	for limit := time.After(slowly(time.Second)); ; {
		select {
		case chunk, open := <-s.chunks:
			s.raw = append(s.raw, chunk...)
			var seen screen
			if seen.Write(s.raw); strings.HasSuffix(seen.tail(), text) {
				s.raw, s.echo = nil, text
				return nil
			}
			if !open {
				return nil // which will be noticed
			}
		case <-limit:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}
