package image

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/opencontainers/image-spec/specs-go/v1"
)

// ParsePlatform reads OS[/ARCHITECTURE[/VARIANT]]; "" is this machine.
func ParsePlatform(text string) (v1.Platform, error) {
	p := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if text == "" {
		return p, nil
	}
	parts := strings.Split(strings.ToLower(text), "/")
	for _, part := range parts {
		if part == "" || len(parts) > 3 || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "" {
			return p, fmt.Errorf("%.100q: unknown operating system or architecture: a platform is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64", text)
		}
	}
	switch {
	case len(parts) == 1 && parts[0] != "linux":
		parts = []string{"linux", parts[0]} // `--platform arm64`
	case len(parts) == 1:
		return p, nil
	}
	p.OS, p.Architecture = parts[0], parts[1]
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	normalize(&p)
	return p, nil
}

// normalize makes one word of several that mean the same, as Docker does.
func normalize(p *v1.Platform) {
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "aarch64":
		p.Architecture = "arm64"
	case "i386":
		p.Architecture = "386"
	case "armhf":
		p.Architecture, p.Variant = "arm", "v7"
	}
	if p.Architecture == "arm64" && (p.Variant == "8" || p.Variant == "v8") {
		p.Variant = ""
	}
}

// PlatformName writes a platform as ParsePlatform reads it.
func PlatformName(p v1.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Matches says whether an image for have runs where want is wanted.
func Matches(have, want v1.Platform) bool {
	normalize(&have)
	return have.OS == want.OS && have.Architecture == want.Architecture && (want.Variant == "" || have.Variant == want.Variant)
}

// Choose finds the manifest for a platform in an index.
func Choose(index *v1.Index, want v1.Platform) (v1.Descriptor, error) {
	var there []string
	for _, d := range index.Manifests {
		if d.Platform == nil {
			continue
		}
		if Matches(*d.Platform, want) {
			return d, nil
		}
		if name := PlatformName(*d.Platform); name != "unknown/unknown" { // attestations have this one
			there = append(there, name)
		}
	}
	if len(there) > 20 {
		there = append(there[:20], "and others")
	}
	return v1.Descriptor{}, fmt.Errorf("no matching manifest for %s in the manifest list entries: there is %s; --platform chooses one", PlatformName(want), strings.Join(there, ", "))
}
