package build

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
	"jocker/final/engine/inroot"
	"jocker/final/engine/layer"
)

// A Context is a directory with the files that COPY may take, and the Dockerfile.
type Context struct {
	Dir        string
	Dockerfile []byte
	FileName   string
	Ignore     []byte
	temp       string
}

// Close removes what was made for it.
func (c *Context) Close() {
	if c.temp != "" {
		os.RemoveAll(c.temp)
	}
}

// maxFile is the size that a Dockerfile and a .dockerignore may have.
const maxFile = 1 << 20

// OpenContext finds the context that the command line's last argument names, and the Dockerfile that -f names ("" for Dockerfile in
// the context, "-" for standard input). The context "-" is standard input: an archive, or a Dockerfile without any files.
func OpenContext(place, file string, stdin io.Reader) (c *Context, err error) {
	c = &Context{Dir: place}
	defer func(c *Context) {
		if err != nil {
			c.Close()
		}
	}(c)
	switch {
	case place == "-" && file == "-":
		return nil, errors.New("invalid argument: can't use stdin for both build context and dockerfile")
	case place == "-":
		if err := c.read(stdin); err != nil {
			return nil, err
		}
	case isAddress(place) || strings.HasPrefix(place, "git@") || strings.HasPrefix(place, "git://"):
		return nil, fmt.Errorf("the build context %s is far away: clone or download it first, and give the directory's path", place)
	}
	if c.Dockerfile != nil {
		return c, nil
	}
	if c.Dir, err = filepath.EvalSymlinks(c.Dir); err == nil {
		c.Dir, err = filepath.Abs(c.Dir)
	}
	if info, err2 := os.Stat(c.Dir); err == nil && err2 == nil && !info.IsDir() {
		err = unix.ENOTDIR
	}
	if err != nil {
		return nil, fmt.Errorf("unable to prepare context: path %q: %w; the argument is the directory that COPY takes files from", place, err)
	}
	return c, c.readFiles(file, stdin)
}

// readFiles reads the Dockerfile and the .dockerignore that belongs to it.
func (c *Context) readFiles(file string, stdin io.Reader) error {
	root, err := inroot.Open(c.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if c.FileName = file; file == "" {
		c.FileName = "Dockerfile"
	}
	switch {
	case file == "-":
		c.FileName = "Dockerfile (stdin)"
		c.Dockerfile, err = io.ReadAll(io.LimitReader(stdin, maxFile+1))
	case file == "":
		if c.Dockerfile, err = root.ReadFile("Dockerfile", maxFile); errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("unable to prepare context: there is no Dockerfile in %s; -f names one elsewhere", c.Dir)
		}
	case c.temp != "": // the archive's
		c.Dockerfile, err = root.ReadFile(file, maxFile)
	default:
		c.Dockerfile, err = readShort(file)
	}
	if err == nil && len(c.Dockerfile) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", c.FileName, maxFile)
	}
	if err != nil {
		return err
	}
	if len(c.Dockerfile) == 0 {
		return fmt.Errorf("%s is empty", c.FileName)
	}
	if file != "" && file != "-" && c.temp == "" {
		if c.Ignore, err = readShort(file + ".dockerignore"); err == nil || !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if c.Ignore, err = root.ReadFile(".dockerignore", maxFile); errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return err
}

// readShort reads a file whose path the user gave.
func readShort(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// read reads standard input: an archive is unpacked, anything else is a Dockerfile.
func (c *Context) read(stdin io.Reader) (err error) {
	if c.temp, err = os.MkdirTemp("", "jocker-context-"); err != nil {
		return err
	}
	c.Dir = c.temp
	stream, err := image.Decompress(stdin)
	if err != nil {
		return err
	}
	defer stream.Close()
	b := bufio.NewReaderSize(stream, 64<<10)
	if head, _ := b.Peek(512); isTar(head) {
		_, err := layer.Apply(b, c.temp, 1<<40)
		if err != nil {
			err = fmt.Errorf("the build context on standard input: %w", err)
		}
		return err
	}
	c.FileName = "Dockerfile (stdin)"
	if c.Dockerfile, err = io.ReadAll(io.LimitReader(b, maxFile+1)); err != nil {
		return err
	}
	switch {
	case len(c.Dockerfile) == 0:
		return errors.New("standard input is empty; it should be a Dockerfile, or an archive of a directory with one")
	case len(c.Dockerfile) > maxFile:
		return fmt.Errorf("what is on standard input is no archive, and for a Dockerfile it is too large")
	}
	return nil
}
