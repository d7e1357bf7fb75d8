package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"
)

type dialFunc func(ctx context.Context, address string) (net.Conn, error)

// client is one way of reaching a target through a front end.
type client struct {
	name    string
	front   string // the front end it talks to
	ours    bool
	once    bool     // stands for all where the client does not matter
	context bool     // a dial ends with its context
	dial    dialFunc // nil: it only fetches
	// connect makes a connection to the front end that carries many dials; nil: each has its own.
	connect func(ctx context.Context) (dialFunc, io.Closer, error)
	fetch   func(ctx context.Context, url string) ([]byte, error)
}

// web is an HTTP client over the dials of c.
func (c *client) web() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return c.dial(ctx, address)
		},
		MaxIdleConnsPerHost: 4,
		DisableCompression:  true,
	}}
}

// get fetches a URL over a connection of its own.
func (c *client) get(ctx context.Context, url string) ([]byte, error) {
	if c.fetch != nil {
		return c.fetch(ctx, url)
	}
	web := c.web()
	defer web.CloseIdleConnections()
	return get(ctx, web, url)
}

func get(ctx context.Context, web *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return do(web, request)
}

func do(web *http.Client, request *http.Request) ([]byte, error) {
	response, err := web.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("target answered %s", response.Status)
	}
	return io.ReadAll(response.Body)
}

// refusal is an answer to CONNECT that is not 200.
type refusal struct {
	status int
	body   string
}

func (r refusal) Error() string { return fmt.Sprintf("CONNECT: %d %s", r.status, r.body) }

func dialConnect(l *lab) dialFunc {
	return func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := (&tls.Dialer{Config: l.clientTLS()}).DialContext(ctx, "tcp", l.frontAddress())
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
		if err := connect(conn, address); err != nil {
			conn.Close()
			return nil, errors.Join(err, ctx.Err())
		}
		if !stop() { // the deadline may come yet
			conn.Close()
			return nil, ctx.Err()
		}
		return conn, nil
	}
}

// connect reads the head of the answer and not a byte more: what follows is the target's.
func connect(conn net.Conn, address string) error {
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", address); err != nil {
		return err
	}
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, b[0]) {
		if _, err := io.ReadFull(conn, b); err != nil {
			return fmt.Errorf("answer to CONNECT ends after %q: %w", head, err)
		}
		if len(head) > 16<<10 {
			return errors.New("answer to CONNECT has no end")
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)),
		&http.Request{Method: http.MethodConnect})
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusOK {
		return nil
	}
	var body []byte
	if length := response.Header.Get("Content-Length"); length == "" {
		body, _ = readAtMost(conn, 4096)
	} else {
		var n int64
		fmt.Sscan(length, &n)
		body, _ = io.ReadAll(io.LimitReader(conn, n))
	}
	return refusal{response.StatusCode, strings.TrimSpace(string(body))}
}

func fetchCurl(l *lab) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, url string) ([]byte, error) {
		leaf := l.pki + "/clients/alice"
		curl := exec.CommandContext(ctx, "curl", "--silent", "--show-error", "--proxytunnel",
			"--proxy", "https://"+l.frontAddress(), "--proxy-cacert", leaf+"/ca.crt",
			"--proxy-cert", leaf+"/tls.crt", "--proxy-key", leaf+"/tls.key", "--noproxy", "", url)
		body, err := curl.Output()
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			return nil, fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return body, err
	}
}

func dialHawser(l *lab) dialFunc {
	return func(ctx context.Context, address string) (net.Conn, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		leaf := l.pki + "/clients/alice"
		command := exec.Command(l.bin.hawser, "dial", "--hub="+l.frontAddress(),
			"--ca="+leaf+"/ca.crt", "--cert="+leaf+"/tls.crt", "--key="+leaf+"/tls.key", address)
		c := &hawserConn{command: command}
		var err error
		if c.stdin, err = command.StdinPipe(); err != nil {
			return nil, err
		}
		if c.stdout, err = command.StdoutPipe(); err != nil {
			return nil, err
		}
		command.Stderr = &c.stderr
		return c, command.Start()
	}
}

// hawserConn is a `hawser dial`: its standard input and output are the connection. That its dial
// failed shows when it is read.
type hawserConn struct {
	net.Conn // no addresses, no deadlines
	command  *exec.Cmd
	stdin    io.WriteCloser
	stdout   io.ReadCloser
	stderr   bytes.Buffer
	ended    sync.Once
	failure  error
}

func (c *hawserConn) Read(b []byte) (int, error) {
	n, err := c.stdout.Read(b)
	if n > 0 || err == nil {
		return n, nil
	}
	c.stdin.Close()
	if failure := c.wait(); failure != nil {
		return 0, failure
	}
	return 0, io.EOF
}

func (c *hawserConn) Write(b []byte) (int, error) { return c.stdin.Write(b) }

func (c *hawserConn) Close() error {
	c.command.Process.Kill()
	c.wait()
	return nil
}

func (c *hawserConn) wait() error {
	c.ended.Do(func() {
		if err := c.command.Wait(); err != nil {
			c.failure = fmt.Errorf("%w: %s", err, strings.TrimSpace(c.stderr.String()))
		}
	})
	return c.failure
}

func (*hawserConn) SetDeadline(time.Time) error      { return nil }
func (*hawserConn) SetReadDeadline(time.Time) error  { return nil }
func (*hawserConn) SetWriteDeadline(time.Time) error { return nil }
func (*hawserConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*hawserConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
