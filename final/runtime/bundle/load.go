package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// ConfigName is the name of the file with the configuration (bundle.md).
const ConfigName = "config.json"

// MaxConfig is how long a config.json may be, in bytes. Docker's have some 30,000; what execve(2)
// takes as arguments and environment is 6 MiB at most.
const MaxConfig = 16 << 20

// Load reads dir/config.json and checks it (Validate). It returns the file's bytes as well, for the
// runtime keeps a copy. The root's path in spec is made absolute, and dir too.
func Load(dir string) (spec *specs.Spec, abs string, data []byte, err error) {
	if abs, err = filepath.Abs(dir); err != nil {
		return nil, "", nil, err
	}
	path := filepath.Join(abs, ConfigName)
	if data, err = read(path); err != nil {
		return nil, "", nil, err
	}
	if spec, err = Parse(data); err != nil {
		return nil, "", nil, fmt.Errorf("%s: %w", path, err)
	}
	if !filepath.IsAbs(spec.Root.Path) {
		spec.Root.Path = filepath.Join(abs, spec.Root.Path)
	}
	return spec, abs, data, nil
}

// Parse reads the bytes of a config.json and checks it.
func Parse(data []byte) (*specs.Spec, error) {
	spec := &specs.Spec{}
	if err := decode(data, spec); err != nil {
		return nil, err
	}
	if err := Validate(spec); err != nil {
		return nil, err
	}
	return spec, nil
}

// LoadProcess reads a file with a process, the part "process" of a config.json alone, as exec --process takes it.
func LoadProcess(path string) (*specs.Process, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	p := &specs.Process{}
	if err := decode(data, p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := ValidateProcess(p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// read reads a regular file of MaxConfig bytes at most. A FIFO in its place must not make the runtime wait.
func read(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		cause := ""
		if err == unix.ENOENT {
			cause = "a bundle is a directory with a config.json, which `jocker-runtime spec` makes, and a rootfs; --bundle DIR names it"
		}
		return nil, fail.Call(fmt.Sprintf("open(%q)", path), err, cause)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fail.Call(fmt.Sprintf("fstat(%q)", path), err, "")
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if st.Size > MaxConfig {
		return nil, fmt.Errorf("%s has %d bytes, %d are possible", path, st.Size, MaxConfig)
	}
	data := make([]byte, st.Size)
	for got := 0; got < len(data); {
		n, err := unix.Read(fd, data[got:])
		if err == unix.EINTR {
			continue
		} else if err != nil {
			return nil, fail.Call(fmt.Sprintf("read(%q)", path), err, "")
		}
		if n == 0 {
			return nil, fmt.Errorf("%s got shorter while it was read", path)
		}
		got += n
	}
	return data, nil
}

// decode reads JSON into v and says where a mistake is.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("the file is empty")
	case errors.As(err, &syntax):
		if int(syntax.Offset) >= len(data) {
			return fmt.Errorf("the file ends in the middle, after %d bytes: it was cut off", len(data))
		}
		line, column := position(data, syntax.Offset)
		return fmt.Errorf("line %d, column %d: %v", line, column, err)
	case errors.As(err, &kind):
		line, _ := position(data, kind.Offset)
		return fmt.Errorf("line %d: %s is a %s, where a %s is wanted", line, kind.Field, kind.Value, kind.Type)
	}
	return err
}

// position turns an offset into a line and a column, both from 1.
func position(data []byte, offset int64) (line, column int) {
	before := data[:min(int(offset), len(data))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n') - 1
}
