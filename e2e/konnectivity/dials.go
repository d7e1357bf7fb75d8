package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// The behaviours of a dial: its answers, its end, and what it leaves behind.

func getTwice(ctx context.Context, c *cell) error {
	if c.client.dial == nil {
		return c.get(ctx)
	}
	web := c.client.web()
	defer web.CloseIdleConnections()
	for range 2 { // the second one on the same connection
		body, err := get(ctx, web, c.url("/bytes?n=70000"))
		if err != nil {
			return err
		}
		if err := same(body, pattern(70000)); err != nil {
			return err
		}
	}
	return nil
}

func noStrayByte(ctx context.Context, c *cell) error {
	conn, err := c.client.dial(ctx, local(c.target.echo))
	if err != nil {
		return err
	}
	defer conn.Close()
	return expectEcho(conn)
}

func expectEcho(conn net.Conn) error {
	const text = "nothing before this"
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	return expectText(conn, text)
}

// targetEnds: what the target says before it leaves arrives, and so does its end.
func targetEnds(ctx context.Context, c *cell) error {
	conn, err := c.client.dial(ctx, local(c.target.leaver))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "?"); err != nil {
		return err
	}
	return within(5*time.Second, func() error {
		told, err := io.ReadAll(conn)
		return errors.Join(err, same(told, []byte(greeting)))
	})
}

// speaksFirst: bytes that follow an answer at once are lost on konnectivity-client, which knows its
// connection only a little later, and overtake the 200 on the reference's CONNECT front end.
func speaksFirst(c *cell) bool {
	if c.client.front == frontConnect {
		return dials(c) && c.serverKind != reference
	}
	return c.client.ours
}

func targetSpeaksFirst(ctx context.Context, c *cell) error {
	conn, err := c.client.dial(ctx, local(c.target.greeter))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := expectText(conn, greeting); err != nil {
		return err
	}
	return expectEcho(conn)
}

func expectText(r io.Reader, want string) error {
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil {
		return fmt.Errorf("after %q: %w", got[:n], err)
	}
	if string(got) != want {
		return fmt.Errorf("received %q instead of %q", got, want)
	}
	return nil
}

func onlyConnect(ctx context.Context, c *cell) error {
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: c.clientTLS()}}
	defer web.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"https://"+c.frontAddress()+"/", nil)
	if err != nil {
		return err
	}
	response, err := web.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusMethodNotAllowed ||
		!strings.Contains(string(body), "this proxy only supports CONNECT passthrough") {
		return fmt.Errorf("GET is answered %d %q", response.StatusCode, body)
	}
	return nil
}

// failure dials what cannot be reached and returns what the client is told.
func (c *cell) failure(ctx context.Context, address string) (error, error) {
	if c.client.dial == nil {
		_, err := c.client.fetch(ctx, "http://"+address+"/")
		return err, succeeded(err)
	}
	conn, err := c.client.dial(ctx, address)
	if err != nil {
		return err, nil
	}
	defer conn.Close()
	if !c.client.ours { // `hawser dial` has no other way to say it than the end of its output
		return nil, errors.New("the dial succeeded")
	}
	_, err = conn.Read(make([]byte, 1))
	return err, succeeded(err)
}

func succeeded(err error) error {
	if err == nil || err == io.EOF {
		return errors.New("the dial succeeded")
	}
	return nil
}

// expectFailure wants a text in what a gRPC client is told, and in an answer to CONNECT one of the
// statuses too. curl shows the status only.
func (c *cell) expectFailure(ctx context.Context, address, text string, statuses ...int) error {
	told, err := c.failure(ctx, address)
	if err != nil {
		return err
	}
	if c.client.front == frontConnect {
		if err := expectStatus(told, statuses); err != nil {
			return err
		}
		if c.client.dial == nil {
			return nil
		}
	}
	if !strings.Contains(told.Error(), text) {
		return fmt.Errorf("the failure does not say %q: %w", text, told)
	}
	return nil
}

func expectStatus(told error, statuses []int) error {
	for _, status := range statuses {
		if strings.Contains(told.Error(), fmt.Sprint(" ", status)) {
			return nil
		}
	}
	return fmt.Errorf("not answered %v: %w", statuses, told)
}

func refusedTarget(ctx context.Context, c *cell) error {
	return within(5*time.Second, func() error {
		return c.expectFailure(ctx, fmt.Sprintf("127.0.0.1:%d", freePort()), "connection refused",
			http.StatusBadGateway)
	})
}

func unknownName(ctx context.Context, c *cell) error {
	return within(5*time.Second, func() error {
		return c.expectFailure(ctx, "nobody.has.this.name.test:80", "no such host",
			http.StatusBadGateway)
	})
}

func noAgent(ctx context.Context, c *cell) error {
	if err := c.startServer(); err != nil {
		return err
	}
	if err := c.server.awaitReadiness(ctx, false); err != nil {
		return err
	}
	return c.expectNoAgent(ctx)
}

func (c *cell) expectNoAgent(ctx context.Context) error {
	status := http.StatusServiceUnavailable
	if c.serverKind == reference {
		status = http.StatusInternalServerError
	}
	return within(3*time.Second, func() error {
		return c.expectFailure(ctx, local(c.target.http), "", status)
	})
}

func silentTarget(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 1); err != nil {
		return err
	}
	// 5 s for the reference's agents, 7 s for servers.
	return within(9*time.Second, func() error {
		return c.expectFailure(ctx, c.silent, "", http.StatusBadGateway, http.StatusGatewayTimeout)
	})
}

// cancelledSilentDial: the caller hears of it at once; the agent's attempt ends, if only with its
// own limit.
func cancelledSilentDial(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 1); err != nil {
		return err
	}
	dialCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := c.many()
	told := make(chan error, n)
	for range n {
		go func() {
			conn, err := c.client.dial(dialCtx, c.silent)
			if err == nil {
				<-dialCtx.Done()
				conn.Close()
			}
			told <- err
		}()
	}
	if err := await(ctx, "the agent's attempts", func() error {
		if started := attempts(c.silent); started < n {
			return fmt.Errorf("%d of %d", started, n)
		}
		return nil
	}); err != nil {
		return err
	}
	cancel()
	return within(2*time.Second, func() error {
		for range n {
			if err := <-told; err == nil && !c.client.ours {
				return errors.New("the dial succeeded")
			}
		}
		return nil
	})
}

// many is how often things are done at once: a `hawser dial` is a process.
func (c *cell) many() int {
	if c.client.ours {
		return 20
	}
	return 50
}

// attempts counts the sockets of this namespace that try to reach an address.
func attempts(address string) int {
	host, _, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host).To4()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0
	}
	return strings.Count(string(table),
		fmt.Sprintf(" %02X%02X%02X%02X:0050 02 ", ip[3], ip[2], ip[1], ip[0]))
}

func expiredContext(ctx context.Context, c *cell) error {
	expired, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	err := all(c.many(), func(int) error {
		return within(2*time.Second, func() error {
			conn, err := c.client.dial(expired, local(c.target.http))
			if err != nil {
				return nil
			}
			conn.Close()
			if c.client.ours {
				return errors.New("the dial succeeded")
			}
			// konnectivity-client that looks late finds the answer and the expiry, and takes either.
			return nil
		})
	})
	if err != nil {
		return err
	}
	return c.noTargetConnections(ctx)
}

// cancelledDuringDial gives up many dials at once, each a little later than the one before.
func cancelledDuringDial(ctx context.Context, c *cell) error {
	err := all(c.many(), func(i int) error {
		dialCtx, cancel := context.WithTimeout(ctx, time.Duration(i)*time.Millisecond)
		defer cancel()
		return within(5*time.Second, func() error {
			if conn, err := c.client.dial(dialCtx, local(c.target.echo)); err == nil {
				<-dialCtx.Done()
				conn.Close()
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if c.serverKind == reference && c.client.front == frontConnect {
		return nil // it forgets the connection of a client that left while it was opened
	}
	return c.noTargetConnections(ctx)
}

// cancelledAfterDial: the context was the dial's, the connection lives on; closed, it is gone at
// the target too.
func cancelledAfterDial(ctx context.Context, c *cell) error {
	err := all(c.many(), func(int) error {
		dialCtx, cancel := context.WithCancel(ctx)
		defer cancel()
		conn, err := c.client.dial(dialCtx, local(c.target.echo))
		if err != nil {
			return err
		}
		defer conn.Close()
		cancel()
		return expectEcho(conn)
	})
	if err != nil {
		return err
	}
	return c.noTargetConnections(ctx)
}
