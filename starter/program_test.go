package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommandsInMessagesHaveTheNameThatTheProgramWasCalledBy(t *testing.T) {
	for message, want := range map[string]string{
		"have the account owner consent again (starter authorize --account will)": "have the account owner consent again (tokenkeeper-starter authorize --account will)",
		"make it with: starter keys init; or else: starter status":                "make it with: tokenkeeper-starter keys init; or else: tokenkeeper-starter status",
		"starter stop":                 "tokenkeeper-starter stop",
		"go run ./starter start":       "go run ./starter start",
		"tokenkeeper-starter start":    "tokenkeeper-starter start",
		"the starter has its own file": "the starter has its own file",
	} {
		require.Equal(t, want, withName(message, "tokenkeeper-starter"))
	}
}

func TestEveryCommandIsFoundInMessages(t *testing.T) {
	for _, cmd := range newRoot(nil).Commands() {
		message := "run: starter " + cmd.Name()
		require.Equal(t, "run: x "+cmd.Name(), withName(message, "x"))
	}
}
