package main_test

import (
	"os"
	"testing"

	"tokenkeeper/internal/testenv"
)

// shared is what all rows stand on. Most of what a row does is wait for an
// activity to time out, so that there may be more of them than processors.
var shared = testenv.Shared{AtOnce: 6}

func TestMain(m *testing.M) { os.Exit(shared.Around(m).Run()) }
