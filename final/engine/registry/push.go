package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/image-spec/specs-go/v1"

	"jocker/final/engine/image"
)

// Push uploads an image to the registry that its name begins with.
func Push(ctx context.Context, text string, o Options) error {
	ref, err := parse(text, &o)
	if err != nil {
		return err
	}
	if ref.Digest != "" {
		return errors.New("cannot push a digest reference")
	}
	names := []string{ref.String()}
	if o.All {
		if names, err = tagsOf(o.Store, ref.Repo()); err != nil {
			return err
		}
	}
	lock, err := o.Store.Share()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	for _, n := range names {
		if _, err := o.Store.Find(n); errors.Is(err, image.ErrNotFound) {
			return fmt.Errorf("An image does not exist locally with the tag: %s", ref.Repo())
		} else if err != nil {
			return err
		}
	}
	repo, err := connect(ctx, ref, "push,pull")
	if err != nil {
		return explain(ref, err)
	}
	p := &pusher{o, repo, newProgress(o)}
	p.progress.print("The push refers to repository [%s]", strings.TrimSuffix(fullName(ref), ":"+ref.Tag))
	for _, n := range names {
		if ref, err = image.ParseRef(n); err == nil {
			err = p.push(ctx, ref)
		}
		if err != nil {
			return explain(ref, err)
		}
	}
	return nil
}

func tagsOf(s *image.Store, repo string) (names []string, err error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, img := range list {
		for _, n := range img.Names {
			if ref, err := image.ParseRef(n); err == nil && ref.Repo() == repo {
				names = append(names, n)
			}
		}
	}
	if names == nil {
		return nil, fmt.Errorf("An image does not exist locally with the tag: %s", repo)
	}
	return names, nil
}

type pusher struct {
	Options
	repo     *repository
	progress *progress
}

// push sends the blobs that the registry lacks, and then the manifest, which makes an image of them.
func (p *pusher) push(ctx context.Context, ref image.Ref) error {
	img, err := p.Store.Find(ref.String())
	if err != nil {
		return err
	}
	if img, err = p.Store.Compress(img); err != nil {
		return err
	}
	data, err := p.Store.ReadBlob(img.Manifest.Digest)
	if err != nil {
		return err
	}
	doc, err := parseDocument(data, img.Manifest.MediaType)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	sent := map[string]bool{}
	for _, d := range append(append([]v1.Descriptor{}, doc.manifest.Layers...), doc.manifest.Config) {
		if sent[string(d.Digest)] {
			continue
		}
		sent[string(d.Digest)] = true
		b := &blob{store: p.Store, d: d}
		if d.Digest != doc.manifest.Config.Digest {
			b.line = p.progress.line(short(d.Digest))
			b.line.say("Preparing")
		}
		group.Add(1)
		go func() {
			defer group.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := p.blob(ctx, b); err != nil {
				cancel(err)
			}
		}()
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := remote.Put(p.repo.name.Tag(ref.Tag), raw{data, types.MediaType(doc.mediaType)}, p.remote(ctx)...); err != nil {
		return err
	}
	p.progress.print("%s: digest: %s size: %d", ref.Tag, img.Manifest.Digest, len(data))
	if p.Quiet {
		fmt.Fprintln(p.Out, fullName(ref))
	}
	return p.Store.SetName(ref.String(), img.Manifest, ref.Repo()+"@"+string(img.Manifest.Digest))
}

func (p *pusher) remote(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(p.repo.client.Transport)}
}

// blob sends one blob, unless the registry has it.
func (p *pusher) blob(ctx context.Context, b *blob) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+p.repo.name.RegistryStr()+"/v2/"+p.repo.name.RepositoryStr()+"/blobs/"+string(b.d.Digest), nil)
	if err != nil {
		return err
	}
	if resp, err := p.repo.client.Do(req); err == nil {
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			b.say("Layer already exists")
			return nil
		}
	}
	if err := remote.WriteLayer(p.repo.name, b, p.remote(ctx)...); err != nil {
		return err
	}
	b.say("Pushed")
	return nil
}

// A blob is one of the store's as the library wants to see it.
type blob struct {
	store *image.Store
	d     v1.Descriptor
	line  *line // nil for the config
}

func (b *blob) say(status string) {
	if b.line != nil {
		b.line.say(status)
	}
}

func (b *blob) Digest() (ggcr.Hash, error)           { return ggcr.NewHash(string(b.d.Digest)) }
func (b *blob) DiffID() (ggcr.Hash, error)           { return b.Digest() } // not asked for
func (b *blob) Size() (int64, error)                 { return b.d.Size, nil }
func (b *blob) MediaType() (types.MediaType, error)  { return types.MediaType(b.d.MediaType), nil }
func (b *blob) Uncompressed() (io.ReadCloser, error) { return b.Compressed() }

// Compressed opens the blob. Whoever reads it moves the bar.
func (b *blob) Compressed() (io.ReadCloser, error) {
	path, err := b.store.BlobPath(b.d.Digest)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the image is not whole: %w; pull or load it again", err)
	}
	return &counted{File: f, b: b}, nil
}

type counted struct {
	*os.File
	b *blob
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.n += int64(n)
	if c.b.line != nil {
		c.b.line.count("Pushing", c.n, c.b.d.Size)
	}
	return n, err
}

// WriteTo hides the file's own, which would pass Read by.
func (c *counted) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

// raw is a manifest as it stands in the store.
type raw struct {
	data []byte
	kind types.MediaType
}

func (r raw) RawManifest() ([]byte, error)        { return r.data, nil }
func (r raw) MediaType() (types.MediaType, error) { return r.kind, nil }
