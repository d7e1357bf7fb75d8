package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// target is what the agents connect to: an HTTP server, an echo, a greeter that speaks first, one
// that answers a byte and leaves, and a sink that reads slowly. It counts the connections that are
// open.
type target struct {
	http, echo, greeter, leaver, sink net.Listener

	server *http.Server
	hurry  chan struct{} // closed: the sink reads as fast as it can

	mu   sync.Mutex
	open int
}

const greeting = "hello, you did not ask\n"

// sinkRate is the bytes per second of a slow reader.
const sinkRate = 1 << 20

func newTarget() (*target, error) {
	t := &target{hurry: make(chan struct{})}
	var listeners [5]net.Listener
	for i := range listeners {
		// All addresses: whoami leads to several.
		listener, err := net.Listen("tcp4", "0.0.0.0:0")
		if err != nil {
			return nil, err
		}
		listeners[i] = countingListener{listener, t}
	}
	t.http, t.echo, t.greeter = listeners[0], listeners[1], listeners[2]
	t.leaver, t.sink = listeners[3], listeners[4]
	mux := http.NewServeMux()
	mux.HandleFunc("/bytes", serveBytes)
	mux.HandleFunc("/crumbs", serveCrumbs)
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("Served-At", servedAt(r))
		w.Write(body)
	})
	mux.HandleFunc("/whoami", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, servedAt(r))
	})
	t.server = &http.Server{Handler: mux}
	go t.server.Serve(t.http)
	go serveEach(t.echo, func(conn net.Conn) { io.Copy(conn, conn) })
	go serveEach(t.leaver, func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 1))
		io.WriteString(conn, greeting)
	})
	go serveEach(t.greeter, func(conn net.Conn) {
		io.WriteString(conn, greeting)
		io.Copy(conn, conn)
	})
	go serveEach(t.sink, t.readSlowly)
	return t, nil
}

// servedAt is the address that the request came to.
func servedAt(r *http.Request) string {
	local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	host, _, _ := net.SplitHostPort(local.String())
	return host
}

func (t *target) close() {
	t.server.Close()
	for _, listener := range []net.Listener{t.echo, t.greeter, t.leaver, t.sink} {
		listener.Close()
	}
}

func (t *target) openConnections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

func port(listener net.Listener) int { return listener.Addr().(*net.TCPAddr).Port }

func local(listener net.Listener) string { return fmt.Sprintf("127.0.0.1:%d", port(listener)) }

func serveEach(listener net.Listener, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			serve(conn)
		}()
	}
}

// readSlowly takes sinkRate bytes a second until told to hurry, and ends with the count.
func (t *target) readSlowly(conn net.Conn) {
	chunk := make([]byte, 32<<10)
	total := 0
	for {
		n, err := conn.Read(chunk)
		total += n
		if bytes.IndexByte(chunk[:n], '.') >= 0 || err != nil {
			fmt.Fprintln(conn, total)
			return
		}
		select {
		case <-t.hurry:
		case <-time.After(time.Duration(n) * time.Second / sinkRate):
		}
	}
}

// pattern is the same n bytes each time, without a short period.
func pattern(n int) []byte {
	text := make([]byte, n)
	state := uint32(2463534242)
	for i := range text {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		text[i] = byte(state)
	}
	return text
}

func serveBytes(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("n"))
	w.Header().Set("Content-Length", strconv.Itoa(n))
	w.Write(pattern(n))
}

// serveCrumbs sends the pattern in pieces of 1 to 5000 bytes, each on its own way.
func serveCrumbs(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("n"))
	w.Header().Set("Content-Length", strconv.Itoa(n))
	for rest, size := pattern(n), 1; len(rest) > 0; size = size*7%4999 + 1 {
		size = min(size, len(rest))
		w.Write(rest[:size])
		w.(http.Flusher).Flush()
		rest = rest[size:]
	}
}

type countingListener struct {
	net.Listener
	target *target
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if l.target.sink != nil && l.Addr() == l.target.sink.Addr() {
		conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	}
	l.target.count(1)
	return &countedConn{Conn: conn, target: l.target}, nil
}

func (t *target) count(by int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open += by
}

type countedConn struct {
	net.Conn
	target *target
	once   sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.target.count(-1) })
	return c.Conn.Close()
}

func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return body, err
}
