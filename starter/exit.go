package main

import (
	"errors"

	"tokenkeeper/internal/config"
)

// exitCodes is the part of --help about them.
const exitCodes = `Exit codes:
    0  done, or nothing to do
    1  failed
    2  wrong usage or configuration; nothing was touched
    3  an account needs a person (status), or nothing was found (recover)
  130  interrupted; what was started goes on, and what is left is said`

var errInterrupted = errors.New("interrupted")

// needsAttention is what status and recover end with where accounts cannot mend
// themselves.
type needsAttention struct{ message string }

func (e needsAttention) Error() string { return e.message }

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage usageError
	var configuration *config.Error
	var person needsAttention
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.As(err, &configuration):
		return 2
	case errors.As(err, &person):
		return 3
	case errors.Is(err, errInterrupted):
		return 130
	}
	return 1
}
