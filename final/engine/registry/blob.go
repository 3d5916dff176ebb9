package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/image-spec/specs-go/v1"

	"jocker/final/engine/image"
)

const maxTries = 5 // without one more byte

// pause is the time before the first new attempt; it doubles.
var pause = 300 * time.Millisecond

// A download is a blob on its way.
type download struct {
	repo    *repository
	blob    v1.Descriptor
	growing *growing
	sum     hash.Hash // of what is in the file
	count   func(bytes int64)
}

// newDownload goes on with what an earlier attempt has left in f.
func newDownload(repo *repository, blob v1.Descriptor, f *os.File, count func(int64)) (*download, error) {
	d := &download{repo: repo, blob: blob, sum: sha256.New(), count: count}
	size, err := io.Copy(d.sum, f)
	if err == nil && size > blob.Size {
		err = f.Truncate(0)
		size = 0
		d.sum.Reset()
	}
	d.growing = newGrowing(f, size)
	return d, err
}

// run downloads the rest. Readers of d.growing see the end of it.
func (d *download) run(ctx context.Context) error {
	err := d.fetch(ctx)
	if err == nil {
		if got := "sha256:" + hex.EncodeToString(d.sum.Sum(nil)); got != string(d.blob.Digest) {
			err = &corrupt{fmt.Sprintf("the registry was asked for the blob %s and sent one with the digest %s: it is not to be trusted, or something on the way changed it", d.blob.Digest, got)}
		}
	}
	return err
}

// corrupt is the error for bytes of which nothing can be used.
type corrupt struct{ text string }

func (e *corrupt) Error() string { return e.text }

// errBroken is wrapped by the error for a blob of which the network has let only a part through.
var errBroken = errors.New("pull again later: it goes on from there")

// isKept says whether, after an error, what is there of a blob is good for another attempt.
func isKept(err error) bool { return errors.Is(err, errBroken) || errors.Is(err, context.Canceled) }

func (d *download) fetch(ctx context.Context) error {
	for tries := 0; d.growing.size < d.blob.Size; {
		before := d.growing.size
		err := d.attempt(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			continue
		case !isPassing(err):
			return err
		case d.growing.size > before:
			tries = 0
		}
		if tries++; tries == maxTries {
			return fmt.Errorf("the registry broke off after %d of the %d bytes of %s, %d times: %w; %w", d.growing.size, d.blob.Size, d.blob.Digest, tries, err, errBroken)
		}
		select {
		case <-time.After(pause << (tries - 1)):
		case <-ctx.Done():
		}
	}
	return nil
}

// isPassing says whether an error may be gone at the next attempt.
func isPassing(err error) bool {
	var answer *transport.Error
	var full *os.PathError // our disk's
	var bad *corrupt
	switch {
	case errors.As(err, &answer):
		return answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests
	case errors.As(err, &full), errors.As(err, &bad), errors.Is(err, errPlain):
		return false
	}
	return true
}

// attempt asks for what is missing.
func (d *download) attempt(ctx context.Context) error {
	have := d.growing.size
	// One byte more than the manifest says, to find out that there is more.
	ctx = context.WithValue(ctx, sizeKey{}, d.blob.Size+1)
	header := http.Header{}
	if have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := d.repo.get(ctx, "blobs/"+string(d.blob.Digest), header, http.StatusOK, http.StatusPartialContent, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNotFound:
		return &corrupt{fmt.Sprintf("the registry has the image's manifest, but not the blob %s that it lists: the image there is broken; push it again", d.blob.Digest)}
	case http.StatusRequestedRangeNotSatisfiable:
		return &corrupt{fmt.Sprintf("the registry has no more than %d of the %d bytes that the manifest gives the blob %s", have, d.blob.Size, d.blob.Digest)}
	}
	skip := have // of an answer that begins at the beginning
	if resp.StatusCode == http.StatusPartialContent {
		start, err := rangeStart(resp.Header.Get("Content-Range"))
		if err != nil || start > have {
			return &corrupt{fmt.Sprintf("the registry was asked for the bytes from %d on and answers with the range %.100q", have, resp.Header.Get("Content-Range"))}
		}
		skip = have - start
	}
	if _, err := io.CopyN(io.Discard, resp.Body, skip); err != nil {
		return err
	}
	buffer := make([]byte, 128<<10)
	for {
		n, err := resp.Body.Read(buffer)
		if left := d.blob.Size - d.growing.size; int64(n) > left {
			return &corrupt{fmt.Sprintf("the registry sends more than the %d bytes that the manifest gives the blob %s", d.blob.Size, d.blob.Digest)}
		}
		d.sum.Write(buffer[:n])
		if _, err := d.growing.Write(buffer[:n]); err != nil {
			return err
		}
		d.count(d.growing.size)
		if err == io.EOF {
			if d.growing.size < d.blob.Size {
				return io.ErrUnexpectedEOF
			}
			return nil
		} else if err != nil {
			return err
		}
	}
}

// rangeStart reads Content-Range: "bytes 100-199/200" begins at 100 (RFC 9110, 14.4).
func rangeStart(text string) (int64, error) {
	rest, ok := strings.CutPrefix(text, "bytes ")
	first, _, ok2 := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(first, 10, 63)
	if !ok || !ok2 || err != nil || n < 0 {
		return 0, fmt.Errorf("not a range of bytes: %.100q", text)
	}
	return n, nil
}

// checkDescriptor says whether what a manifest says of a blob can be.
func checkDescriptor(d v1.Descriptor, limit int64) error {
	switch {
	case !image.IsDigest(string(d.Digest)):
		return fmt.Errorf("the image's manifest has %.100q where a digest is expected: sha256: and 64 hexadecimal digits", string(d.Digest))
	case d.Size < 0:
		return fmt.Errorf("the image's manifest gives the blob %s a size of %d bytes", d.Digest, d.Size)
	case d.Size > limit:
		return fmt.Errorf("the blob %s has %d bytes, and %d are the most that there is room for", d.Digest, d.Size, limit)
	}
	return nil
}
