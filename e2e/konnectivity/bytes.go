package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// The behaviours of bytes on their way: none lost, none mixed up, nobody held up.

const mebibyte = 1 << 20

func bulk(ctx context.Context, c *cell) error {
	body, err := c.client.get(ctx, c.url("/bytes?n=%d", 20*mebibyte))
	if err != nil {
		return err
	}
	return same(body, pattern(20*mebibyte))
}

func parallelBulk(ctx context.Context, c *cell) error {
	want := pattern(10 * mebibyte)
	return all(10, func(int) error {
		body, err := c.client.get(ctx, c.url("/bytes?n=%d", len(want)))
		if err != nil {
			return err
		}
		return same(body, want)
	})
}

// echoes posts different bodies over 100 connections at once, which both agents share.
func echoes(ctx context.Context, c *cell) error {
	n := 2 * c.many()
	served := make(chan string, n)
	err := all(n, func(i int) error {
		body := pattern(1000 + i*521)
		for j := range body {
			body[j] ^= byte(i)
		}
		url := fmt.Sprintf("http://%s:%d/echo", whoami, port(c.target.http))
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		web := c.client.web()
		defer web.CloseIdleConnections()
		response, err := web.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		served <- response.Header.Get("Served-At")
		return same(answer, body)
	})
	if err != nil {
		return err
	}
	agents := map[string]bool{}
	for range n {
		agents[<-served] = true
	}
	if len(agents) != 2 {
		return fmt.Errorf("of two agents %d took part", len(agents))
	}
	return nil
}

// shortReads takes bytes in pieces that fit none of the packets they came in.
func shortReads(ctx context.Context, c *cell) error {
	const size = 200_000
	conn, err := c.client.dial(ctx, local(c.target.http))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn,
		"GET /crumbs?n=%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", size); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(&shortReader{r: conn}), nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return same(body, pattern(size))
}

type shortReader struct {
	r    io.Reader
	last int
}

func (s *shortReader) Read(b []byte) (int, error) {
	s.last = s.last%613 + 1
	return s.r.Read(b[:min(s.last, len(b))])
}

// slowFor is how long others are watched beside somebody slow.
const slowFor = 3 * time.Second

// othersGoOn makes small requests until slowFor is over; none may wait for long.
func (c *cell) othersGoOn(ctx context.Context) error {
	for started := time.Now(); time.Since(started) < slowFor; {
		if err := c.getSoon(ctx, 5*time.Second); err != nil {
			return fmt.Errorf("somebody else's request: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// slowTarget sends more than an agent takes in to a target that reads 1 MB/s.
func slowTarget(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 1); err != nil {
		return err
	}
	conn, err := c.client.dial(ctx, local(c.target.sink))
	if err != nil {
		return err
	}
	defer conn.Close()
	const size = 16 * mebibyte
	sent := make(chan error, 1)
	go func() {
		chunk := bytes.Repeat([]byte("x"), 32<<10)
		for rest := size; rest > 0; rest -= len(chunk) {
			if rest == len(chunk) {
				chunk[len(chunk)-1] = '.'
			}
			if _, err := conn.Write(chunk); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	err = c.othersGoOn(ctx)
	close(c.target.hurry)
	if err != nil {
		return err
	}
	if err := <-sent; err != nil {
		return fmt.Errorf("slow upload: %w", err)
	}
	return expectText(conn, fmt.Sprintln(size))
}

// slowClient reads a long answer at 1 MB/s.
func slowClient(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 1); err != nil {
		return err
	}
	conn, err := c.client.dial(ctx, local(c.target.http))
	if err != nil {
		return err
	}
	defer conn.Close()
	const size = 16 * mebibyte
	if _, err := fmt.Fprintf(conn,
		"GET /bytes?n=%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", size); err != nil {
		return err
	}
	slow := &slowReader{conn: conn, rate: sinkRate, hurry: make(chan struct{})}
	read := make(chan error, 1)
	go func() {
		response, err := http.ReadResponse(bufio.NewReader(slow), nil)
		if err != nil {
			read <- err
			return
		}
		body, err := io.ReadAll(response.Body)
		read <- errors.Join(err, same(body, pattern(size)))
	}()
	err = c.othersGoOn(ctx)
	close(slow.hurry)
	if err != nil {
		return err
	}
	if err := <-read; err != nil {
		return fmt.Errorf("slow download: %w", err)
	}
	return nil
}

// slowReaders are many downloads of one client that take their time, through several agents: of what
// agents without windows send ahead much waits in the server.
func slowReaders(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 3); err != nil {
		return err
	}
	const rate = 400_000
	want := pattern(2 * mebibyte)
	return all(50, func(int) error {
		conn, err := c.client.dial(ctx, local(c.target.http))
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := fmt.Fprintf(conn,
			"GET /bytes?n=%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", len(want)); err != nil {
			return err
		}
		response, err := http.ReadResponse(bufio.NewReader(&slowReader{conn: conn, rate: rate}), nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", len(body), err)
		}
		return same(body, want)
	})
}

type slowReader struct {
	conn  net.Conn
	rate  int           // bytes a second
	hurry chan struct{} // closed: as fast as it can; may be nil
}

func (s *slowReader) Read(b []byte) (int, error) {
	n, err := s.conn.Read(b[:min(len(b), 32<<10)])
	select {
	case <-s.hurry:
	case <-time.After(time.Duration(n) * time.Second / time.Duration(s.rate)):
	}
	return n, err
}
