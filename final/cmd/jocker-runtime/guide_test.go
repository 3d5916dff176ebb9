package main_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// The tour keeps its word.
func TestGuide(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Chdir("../.."))
	t.Cleanup(func() { os.Chdir(here) })
	labtest.Guide(t, "jocker-runtime", "")
}
