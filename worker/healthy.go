package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthyWithin is how long a worker may take to say how it is.
const healthyWithin = 3 * time.Second

// askWorker asks the worker that serves its health at an address, of this machine
// or container, whether it takes work. It is what a container's health check
// runs: the image has no shell and no other program.
func askWorker(ctx context.Context, address string) error {
	if address == "" {
		return errors.New("TOKENKEEPER_HTTP_ADDRESS is off, so a worker cannot be asked; set it to an address, or do without the health check")
	}
	ctx, cancel := context.WithTimeout(ctx, healthyWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(address)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask at %s: %w", address, err)
	}
	own := &http.Client{Transport: &http.Transport{}} // a proxy has no business here
	answer, err := own.Do(request)
	if err != nil {
		return fmt.Errorf("no worker answers: %w; see its log", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the worker at %s lives and takes no work (%s); its log says what it waits for", address, answer.Status)
	}
	return nil
}

// reachable is where a listener on an address is found from the same machine.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
