package main

import (
	"testing"

	"jocker/internal/labtest"
)

func TestGuide(t *testing.T) { labtest.Guide(t, "lab05", "lab04") }
