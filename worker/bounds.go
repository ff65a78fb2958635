package main

import (
	"container/list"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The bounds of what the port takes. Probes and a scraper need a handful of connections;
// a request has a line and few headers, and the metrics of a full worker are sent in
// milliseconds.
const (
	maxHealthConnections = 64
	maxHealthHeader      = 16 << 10
	healthReadTimeout    = 5 * time.Second
	healthWriteTimeout   = 10 * time.Second
	healthIdleTimeout    = 90 * time.Second // longer than between two scrapes
)

// boundedServer is a server that a client can neither hold for long nor fill.
func boundedServer(pages http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           pages,
		ReadHeaderTimeout: healthReadTimeout,
		ReadTimeout:       healthReadTimeout,
		WriteTimeout:      healthWriteTimeout,
		IdleTimeout:       healthIdleTimeout,
		MaxHeaderBytes:    maxHealthHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn), // such as too many open files
	}
}

func listenAndServe(server *http.Server, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return server.Serve(&newestConnections{Listener: l, most: maxHealthConnections})
}

// newestConnections closes its oldest connection where there are too many. It does not
// keep new ones waiting instead, because a probe that waits behind idle connections has
// the container killed.
type newestConnections struct {
	net.Listener
	most int

	mu   sync.Mutex
	open list.List // of net.Conn, the oldest first
}

// Accept implements [net.Listener].
func (l *newestConnections) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open.Len() >= l.most {
		_ = l.open.Remove(l.open.Front()).(net.Conn).Close()
	}
	return &countedConnection{Conn: conn, listener: l, place: l.open.PushBack(conn)}, nil
}

type countedConnection struct {
	net.Conn
	listener *newestConnections
	place    *list.Element
}

// Close implements [net.Conn].
func (c *countedConnection) Close() error {
	c.listener.mu.Lock()
	c.listener.open.Remove(c.place) // nothing, where it was too old
	c.listener.mu.Unlock()
	return c.Conn.Close()
}
