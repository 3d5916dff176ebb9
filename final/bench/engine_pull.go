package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"time"
)

const (
	pullLayers    = 8
	pullLayerSize = 25 << 20
	pullFileSize  = 16 << 10
	pullAddress   = "127.0.0.1:5000" // the network namespace is ours
	pullImage     = pullAddress + "/big"
)

// startRegistry starts Debian's docker-registry, with an image of 200 MB in it.
func (e *engines) startRegistry() error {
	config := e.path("registry.yml")
	text := "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + e.path("registry") + "}}\nhttp: {addr: \"" + pullAddress + "\"}\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	d := exec.Command("docker-registry", "serve", config)
	if err := d.Start(); err != nil {
		return err
	}
	e.daemons = append(e.daemons, d)
	for i := 0; ; i++ {
		c, err := net.Dial("tcp", pullAddress)
		if err == nil {
			c.Close()
			break
		}
		if i == 300 {
			return fmt.Errorf("docker-registry does not answer after 30 seconds: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := writeImage(e.path("big.tar")); err != nil {
		return err
	}
	for _, args := range [][]string{{"load", "-i", e.path("big.tar")}, {"push", "-q", pullImage}, {"rmi", pullImage}} {
		if _, err := e.output("ours", args...); err != nil {
			return err
		}
	}
	return os.Remove(e.path("big.tar"))
}

// pull measures how long each engine takes to have the image, unpacked, when it has nothing of it.
func (e *engines) pull(order []string) (map[string][]float64, error) {
	times := map[string][]float64{}
	for _, p := range order {
		args := []string{"pull", "-q", pullImage}
		if p == "podman" {
			args = []string{"pull", "-q", "--tls-verify=false", pullImage}
		}
		exec.Command("sync").Run() // or one engine waits for what the one before it has written
		begin := time.Now()
		if _, err := e.output(p, args...); err != nil {
			return nil, err
		}
		times[p] = []float64{time.Since(begin).Seconds()}
		if _, err := e.output(p, "rmi", pullImage); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// writeImage writes an archive of an image, as `docker save` does: files of 16 KiB, half of each like text and half like numbers, so
// that they are packed to a third or so, as programs are.
func writeImage(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	random := rand.New(rand.NewSource(1))
	archive := tar.NewWriter(f)
	var layers, diffIDs []string
	for i := 0; i < pullLayers; i++ {
		layer := makeLayer(random, i)
		diffIDs = append(diffIDs, fmt.Sprintf("sha256:%x", sha256.Sum256(layer)))
		layers = append(layers, fmt.Sprintf("%d.tar", i))
		if err := addFile(archive, layers[i], layer); err != nil {
			return err
		}
	}
	config, _ := json.Marshal(map[string]any{"os": "linux", "architecture": "amd64", "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}})
	manifest, _ := json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{pullImage + ":latest"}, "Layers": layers}})
	if err := addFile(archive, "config.json", config); err != nil {
		return err
	}
	if err := addFile(archive, "manifest.json", manifest); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return f.Close()
}

func makeLayer(random *rand.Rand, number int) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	content := make([]byte, pullFileSize)
	for n := 0; n*pullFileSize < pullLayerSize; n++ {
		random.Read(content[:pullFileSize/4])
		for at := pullFileSize / 4; at < pullFileSize; {
			at += copy(content[at:], fmt.Sprintf("func step%d() { return %d } ", random.Intn(1000), n))
		}
		addFile(w, fmt.Sprintf("usr/lib/%d/%d/%d", number, n/100, n), content) // to memory: it can't fail
	}
	w.Close()
	return b.Bytes()
}

func addFile(w *tar.Writer, name string, content []byte) error {
	err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = io.Copy(w, bytes.NewReader(content))
	}
	return err
}
