package main_test

import (
	"os"
	"testing"

	"tokenkeeper/internal/testenv"
)

// shared is the environment of all tests. A test mostly waits, so that
// there may be more of them than processors.
var shared = testenv.Shared{AtOnce: 6}

func TestMain(m *testing.M) { os.Exit(shared.Around(m).Run()) }
