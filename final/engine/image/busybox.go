package image

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
)

// DefaultPath is the PATH of containers whose image says nothing.
const DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Busybox makes an image of this machine's own busybox: one program that is a shell, ls, httpd and some 300 others,
// depending on the name it is called by. So the first container needs no registry. file is the program, or "" to look for it.
func (s *Store) Busybox(file, name string) (*Image, error) {
	file, err := findBusybox(file)
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(file, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w; is it a busybox?", file, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	lock, err := s.Share()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	created := info.ModTime().UTC().Truncate(time.Second) // the same busybox makes the same image
	blob, err := s.MakeBlob(v1.MediaTypeImageLayer, func(w io.Writer) error {
		return writeBusybox(w, file, strings.Fields(string(out)), created)
	})
	if err != nil {
		return nil, err
	}
	config := Config{Image: v1.Image{
		Created:  &created,
		Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{blob.Digest}}, // it is not compressed
		History:  []v1.History{{Created: &created, CreatedBy: "jocker init-image # " + file}},
	}}
	config.Config.Env, config.Config.Cmd = []string{DefaultPath}, []string{"sh"}
	img, err := s.Add(config, []v1.Descriptor{blob}, name)
	if err == nil {
		_, err = s.Unpack(img)
	}
	return img, err
}

// findBusybox finds a busybox that needs no libraries: an image of it alone has none.
func findBusybox(file string) (string, error) {
	candidates := []string{file}
	if file == "" {
		candidates = []string{"/bin/busybox", "/usr/bin/busybox", "/usr/lib/initramfs-tools/bin/busybox"}
	}
	err := errors.New("there is no busybox on this machine")
	for _, c := range candidates {
		static, e := isStatic(c)
		switch {
		case e == nil && static:
			return c, nil
		case e == nil:
			err = fmt.Errorf("%s needs shared libraries, which the image would lack", c)
		case file != "" || !errors.Is(e, os.ErrNotExist):
			err = e
		}
	}
	return "", fmt.Errorf("%w; apt-get install busybox-static, or name one: init-image --busybox FILE", err)
}

// isStatic says whether a program is an ELF file that asks for no loader (elf(5), PT_INTERP).
func isStatic(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var h struct {
		Ident           [16]byte
		Type, Machine   uint16
		Version         uint32
		Entry, Ph, Sh   uint64
		Flags           uint32
		Size, PhSize, N uint16
	}
	if err := binary.Read(f, binary.LittleEndian, &h); err != nil || string(h.Ident[:4]) != "\x7fELF" || h.Ident[4] != 2 || h.PhSize != 56 {
		return false, fmt.Errorf("%s is not a 64-bit ELF program", path)
	}
	for i := 0; i < int(h.N); i++ {
		var kind [4]byte
		if _, err := f.ReadAt(kind[:], int64(h.Ph)+int64(i)*56); err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
		if binary.LittleEndian.Uint32(kind[:]) == 3 { // PT_INTERP
			return false, nil
		}
	}
	return true, nil
}

// writeBusybox writes the layer: the program, a symbolic link for each of its names, and the few files that programs look for.
func writeBusybox(w io.Writer, file string, names []string, created time.Time) error {
	program, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	add := func(h tar.Header, content []byte) {
		h.ModTime, h.Size, h.Format = created, int64(len(content)), tar.FormatPAX
		if err == nil {
			err = t.WriteHeader(&h)
		}
		if err == nil {
			_, err = io.Copy(t, bytes.NewReader(content))
		}
	}
	for _, dir := range []string{"bin", "dev", "etc", "home", "proc", "root", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin", "var", "var/tmp", "var/www"} {
		mode := int64(0o755)
		switch dir {
		case "tmp", "var/tmp":
			mode = 0o1777
		case "root":
			mode = 0o700
		}
		add(tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: mode}, nil)
	}
	add(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, program)
	sort.Strings(names)
	for _, name := range names {
		if name != "busybox" && name != "" && !strings.Contains(name, "/") {
			add(tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
		}
	}
	add(tar.Header{Name: "usr/bin/env", Typeflag: tar.TypeSymlink, Linkname: "../../bin/busybox", Mode: 0o777}, nil)
	add(tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, []byte(
		"root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"))
	add(tar.Header{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644}, []byte("root:x:0:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n"))
	if err == nil {
		err = t.Close()
	}
	return err
}
