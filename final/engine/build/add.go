package build

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
	"jocker/final/engine/layer"
)

// isAddress says whether a source of ADD is to be downloaded.
func isAddress(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

// maxDownload is how many bytes ADD takes from an address.
const maxDownload = 16 << 30

// download downloads a file for ADD. It is the caller's, to be removed. The digest is what the cache's key has of it.
func (b *builder) download(address, checksum string) (i item, digest string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return i, "", err
	}
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute}}
	response, err := client.Get(address)
	if err != nil {
		return i, "", fmt.Errorf("ADD %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return i, "", fmt.Errorf("ADD %s: the server answers %s", address, response.Status)
	}
	f, err := os.CreateTemp("", "jocker-add-")
	if err != nil {
		return i, "", err
	}
	defer f.Close()
	i.file = f.Name()
	if i.name = path.Base(u.Path); i.name == "/" || i.name == "." {
		i.name = "index"
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(response.Body, maxDownload+1))
	digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	switch {
	case err != nil:
		err = fmt.Errorf("ADD %s: after %d bytes: %w", address, n, err)
	case n > maxDownload:
		err = fmt.Errorf("ADD %s: it has more than %d bytes", address, int64(maxDownload))
	case checksum != "" && checksum != digest:
		err = fmt.Errorf("ADD %s: the file's digest is %s, and --checksum says %s", address, digest, checksum)
	}
	if changed, err2 := http.ParseTime(response.Header.Get("Last-Modified")); err == nil && err2 == nil {
		err = os.Chtimes(i.file, changed, changed)
	}
	if err != nil {
		os.Remove(i.file)
	}
	return i, digest, err
}

// special does what ADD does and COPY doesn't: a downloaded file is written to at, and an archive of the context is unpacked
// into dest. done is false if i is neither.
func (w *writer) special(i *item, at, dest string) (done bool, err error) {
	if i.file != "" {
		f, err := os.Open(i.file)
		if err != nil {
			return true, err
		}
		defer f.Close()
		e := entry{from: i.name}
		if err := unix.Fstat(int(f.Fd()), &e.stat); err != nil {
			return true, os.NewSyscallError("fstat", err)
		}
		e.stat.Mode = unix.S_IFREG | 0o600
		return true, w.file(&e, at, f)
	}
	if i.isDir() || len(i.entries) != 1 || i.entries[0].kind() != unix.S_IFREG {
		return false, nil
	}
	f, err := w.tree.open(&i.entries[0])
	if err != nil {
		return true, err
	}
	defer f.Close()
	archive, err := unpacked(f)
	if err != nil {
		return true, fmt.Errorf("ADD %s: %w", i.name, err)
	}
	if archive == nil {
		return false, nil
	}
	defer archive.Close()
	dir, err := w.root.MkdirAll(dest)
	if err != nil {
		return true, err
	}
	defer dir.Close()
	if _, err := layer.Apply(archive, fmt.Sprintf("/proc/self/fd/%d", dir.FD()), 1<<40); err != nil {
		return true, fmt.Errorf("ADD %s: %w", i.name, err)
	}
	return true, nil
}

// unpacked returns the archive that a file is, compressed or not; nil if it is none.
func unpacked(f *os.File) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(f, 64<<10)
	magic, _ := b.Peek(6)
	var r io.ReadCloser
	switch {
	case bytes.HasPrefix(magic, []byte("BZh")):
		r = io.NopCloser(bzip2.NewReader(b))
	case bytes.Equal(magic, []byte("\xfd7zXZ\x00")):
		return nil, fmt.Errorf("%s is compressed by xz, which this builder can't undo; compress it by gzip or zstd, or RUN tar", path.Base(f.Name()))
	default:
		var err error
		if r, err = image.Decompress(b); err != nil {
			return nil, nil // it only looks like one
		}
	}
	whole := bufio.NewReaderSize(r, 64<<10)
	if head, _ := whole.Peek(512); isTar(head) {
		return struct {
			io.Reader
			io.Closer
		}{whole, r}, nil
	}
	r.Close()
	return nil, nil
}

// isTar says whether an archive begins so.
func isTar(head []byte) bool {
	if len(head) < 512 {
		return false
	}
	_, err := tar.NewReader(bytes.NewReader(head)).Next()
	return err == nil
}
