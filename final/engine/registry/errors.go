package registry

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
)

// explain says in one sentence what went wrong, and what to do. Where Docker has words for it they are Docker's.
func explain(ref image.Ref, err error) error {
	login := "jocker login " + ref.Domain
	if ref.Domain == "docker.io" {
		login = "jocker login"
	}
	var answer *transport.Error
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var timeout net.Error
	if errors.As(err, &answer) {
		switch said := diagnosis(answer); answer.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("access denied for %s, repository does not exist or may require '%s': %s", ref.Repo(), login, said)
		case http.StatusNotFound:
			return fmt.Errorf("manifest for %s not found: %s: the registry %s has no such image or tag", ref, said, ref.Domain)
		case http.StatusTooManyRequests:
			return fmt.Errorf("toomanyrequests: the registry %s wants fewer requests: %s; wait, or log in: '%s'", ref.Domain, said, login)
		default:
			return fmt.Errorf("the registry %s answered %d %s: %s: it is not well, or no registry; try again later", ref.Domain, answer.StatusCode, http.StatusText(answer.StatusCode), said)
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; what was downloaded is kept, and the next pull goes on from there")
	case errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("the registry %s: connection refused: nothing listens there; is it running, and is the port right?", ref.Domain)
	case errors.As(err, &dns):
		return fmt.Errorf("the registry %s: %s: is its name right, and has this machine a name server?", ref.Domain, dns.Err)
	case errors.As(err, &unknown):
		return fmt.Errorf("the registry %s: %w: put the authority's certificate into /etc/docker/certs.d/%s/ca.crt", ref.Domain, unknown, ref.Domain)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") && !mayBeInsecure(ref.Domain), errors.Is(err, errPlain):
		return fmt.Errorf("the registry %s speaks plain http: %w", ref.Domain, errPlain)
	case errors.Is(err, errStalled):
		return fmt.Errorf("the registry %s: %w: it is overloaded, or the network is cut off; try again later", ref.Domain, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("the registry %s does not answer: %w: it is down, or a firewall swallows what is sent; try again later", ref.Domain, err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("no space left on device: %w; `jocker system prune` removes what nothing needs", err)
	}
	return err
}

// diagnosis is what a registry gives as the reason, made short and harmless to a terminal.
func diagnosis(e *transport.Error) string {
	text := http.StatusText(e.StatusCode)
	if len(e.Errors) > 0 {
		text = strings.ToLower(strings.ReplaceAll(string(e.Errors[0].Code), "_", " ")) + ": " + e.Errors[0].Message
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, text)
	return text[:min(len(text), 200)]
}

// parse reads a name. It says so if the tag is left out.
func parse(text string, o *Options) (image.Ref, error) {
	ref, err := image.ParseRef(text)
	if err != nil {
		return ref, err
	}
	tagged := ref.Digest != "" || strings.HasSuffix(text, ":"+ref.Tag)
	switch {
	case o.All && tagged:
		return ref, errors.New("tag can't be used with --all-tags/-a")
	case !o.All && !tagged && !o.Quiet:
		fmt.Fprintln(o.Out, "Using default tag: latest")
	}
	return ref, nil
}
