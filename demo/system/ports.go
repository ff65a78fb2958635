package system

import (
	"net"
	"strconv"
)

// The ports that the Temporal CLI takes by itself, for which nobody has to name
// an address.
const (
	usualPort   = 7233
	usualUIPort = 8233
)

// usualPorts are the usual ports where they are free, and 0 for those that are not.
func usualPorts(say func(format string, args ...any)) (port, uiPort int) {
	free := func(port int) int {
		if isFree(port) {
			return port
		}
		say("port %d is taken, so a free one is used", port)
		return 0
	}
	return free(usualPort), free(usualUIPort)
}

func isFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
