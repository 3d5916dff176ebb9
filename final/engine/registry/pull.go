package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"

	"jocker/final/engine/image"
)

// Options are what pull and push have in common.
type Options struct {
	Store    *image.Store
	Platform string // OS/ARCHITECTURE[/VARIANT]; "" is this machine's
	All      bool   // all tags of the name
	Out      io.Writer
	Quiet    bool // only the image's full name
	Terminal bool // Out is one
}

// atOnce is how many layers are downloaded, or sent, at the same time. Docker's number.
const atOnce = 3

// Pull downloads an image, or all of a repository's, and gives it its name.
func Pull(ctx context.Context, text string, o Options) error {
	ref, err := parse(text, &o)
	if err != nil {
		return err
	}
	platform, err := image.ParsePlatform(o.Platform)
	if err != nil {
		return err
	}
	repo, err := connect(ctx, ref, "pull")
	if err != nil {
		return explain(ref, err)
	}
	// What is fetched stays until the index refers to it.
	lock, err := o.Store.Share()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	tags := []string{ref.Tag}
	if o.All {
		if tags, err = repo.tags(ctx); err != nil {
			return explain(ref, err)
		}
	}
	for _, tag := range tags {
		p := &puller{Options: o, repo: repo, ref: ref, want: platform, strict: o.Platform != ""}
		if p.ref.Tag = tag; ref.Digest != "" {
			p.ref.Tag = ""
		}
		if err := p.pull(ctx); err != nil {
			return explain(p.ref, err)
		}
	}
	return nil
}

// A puller pulls one image.
type puller struct {
	Options
	repo     *repository
	ref      image.Ref
	want     v1.Platform
	strict   bool // the platform was asked for
	progress *progress
}

func (p *puller) pull(ctx context.Context) error {
	p.progress = newProgress(p.Options)
	name := p.ref.Digest
	if name == "" {
		name = p.ref.Tag
	}
	top, err := p.repo.document(ctx, name)
	if err != nil {
		return err
	}
	p.progress.print("%s: Pulling from %s", name, p.ref.Path)
	doc := top
	if top.index != nil {
		d, err := image.Choose(top.index, p.want)
		if err == nil {
			err = checkDescriptor(d, image.MaxJSON)
		}
		if err == nil {
			doc, err = p.repo.document(ctx, string(d.Digest))
		}
		if err == nil && doc.manifest == nil {
			err = errors.New("the registry's index leads to another index")
		}
		if err != nil {
			return err
		}
	}
	full := p.ref.Repo() + "@" + top.digest
	before, findErr := p.Store.Find(p.ref.String())
	if err := p.blobs(ctx, doc.manifest); err != nil {
		return err
	}
	manifest, err := p.Store.WriteBlob(doc.mediaType, doc.data)
	if err != nil {
		return err
	}
	given := p.ref.String()
	if p.ref.Digest != "" {
		given = ""
	}
	if err := p.Store.SetName(given, manifest, full); err != nil {
		return err
	}
	p.progress.print("Digest: %s", top.digest)
	if findErr == nil && before.Manifest.Digest == manifest.Digest {
		p.progress.print("Status: Image is up to date for %s", p.ref)
	} else {
		p.progress.print("Status: Downloaded newer image for %s", p.ref)
	}
	fmt.Fprintln(p.Out, fullName(p.ref))
	return nil
}

// fullName is the name with nothing left out: docker.io/library/busybox:latest.
func fullName(r image.Ref) string {
	if r.Digest != "" {
		return r.Domain + "/" + r.Path + "@" + r.Digest
	}
	return r.Domain + "/" + r.Path + ":" + r.Tag
}

// blobs brings an image's config and layers into the store.
func (p *puller) blobs(ctx context.Context, m *v1.Manifest) error {
	if err := checkDescriptor(m.Config, image.MaxJSON); err != nil {
		return err
	}
	config, err := p.config(ctx, m.Config)
	if err != nil {
		return err
	}
	img := &image.Image{ID: m.Config.Digest, Config: *config, Layers: m.Layers}
	if err := img.Check(); err != nil {
		return err
	}
	have := config.Platform
	if have.Variant == "" {
		have.Variant = p.want.Variant // many configs don't say
	}
	if !image.Matches(have, p.want) {
		if p.strict {
			return fmt.Errorf("image with reference %s was found but does not match the specified platform: wanted %s, actual: %s", p.ref, image.PlatformName(p.want), image.PlatformName(have))
		}
		fmt.Fprintf(os.Stderr, "WARNING: The requested image's platform (%s) does not match the detected host platform (%s) and no specific platform was requested\n", image.PlatformName(have), image.PlatformName(p.want))
	}
	room := p.Store.Room()
	for _, l := range m.Layers {
		if err := checkDescriptor(l, room); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	chain := img.Chain()
	for i, blob := range m.Layers {
		l := &layer{p, blob, config.RootFS.DiffIDs[i], image.LayerName(chain[i]), p.progress.line(short(blob.Digest))}
		if !p.Store.HasBlob(blob.Digest) || !p.Store.HasLayer(l.name) {
			l.line.say("Pulling fs layer")
		}
		group.Add(1)
		go func() {
			defer group.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := l.bring(ctx); err != nil {
				cancel(err) // the first counts
			}
		}()
	}
	group.Wait()
	return context.Cause(ctx)
}

func short(d digest.Digest) string { return d.Encoded()[:12] }

// config fetches the image's config, unless the store has it.
func (p *puller) config(ctx context.Context, d v1.Descriptor) (*image.Config, error) {
	if !p.Store.HasBlob(d.Digest) {
		if err := p.partial(ctx, d, func(f *os.File) error {
			get, err := newDownload(p.repo, d, f, func(int64) {})
			if err != nil {
				return err
			}
			return get.run(ctx)
		}); err != nil && err != errShared {
			return nil, err
		}
	}
	data, err := p.Store.ReadBlob(d.Digest)
	if err != nil {
		return nil, err
	}
	var config image.Config
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("the image's config %s: %w", d.Digest, err)
	}
	return &config, nil
}

// tags lists the tags of the repository.
func (r *repository) tags(ctx context.Context) ([]string, error) {
	resp, err := r.get(ctx, "tags/list", nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var list struct{ Tags []string }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("the registry's list of tags: %w", err)
	}
	for _, tag := range list.Tags {
		if _, err := image.ParseRef("x:" + tag); err != nil {
			return nil, err
		}
	}
	return list.Tags, nil
}
