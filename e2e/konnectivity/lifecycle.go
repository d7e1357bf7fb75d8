package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The behaviours of servers and agents that come, go and change.

// idler is a keep-alive connection on which one request has been answered.
type idler struct {
	conn   net.Conn
	reader *bufio.Reader
}

func (c *cell) newIdler(ctx context.Context) (*idler, string, error) {
	address := fmt.Sprintf("%s:%d", whoami, port(c.target.http))
	conn, err := c.client.dial(ctx, address)
	if err != nil {
		return nil, "", err
	}
	i := &idler{conn, bufio.NewReader(conn)}
	agent, err := i.request()
	return i, agent, err
}

// request asks who serves the connection.
func (i *idler) request() (string, error) {
	if _, err := io.WriteString(i.conn, "GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(i.reader, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func agentLostWhenIdle(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 1); err != nil {
		return err
	}
	idle, _, err := c.newIdler(ctx)
	if err != nil {
		return err
	}
	defer idle.conn.Close()
	c.agents[0].kill()
	if err := c.server.awaitReadiness(ctx, false); err != nil {
		return err
	}
	told := make(chan error, 1)
	go func() {
		_, err := idle.request()
		told <- err
	}()
	select {
	case err := <-told:
		if err == nil {
			return errors.New("the request succeeded without an agent")
		}
		return nil
	case <-time.After(2 * time.Second):
		return errors.New("the request still waits after 2 s")
	}
}

func agentRestart(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 1); err != nil {
		return err
	}
	if err := c.get(ctx); err != nil {
		return err
	}
	c.agents[0].kill()
	if err := c.server.awaitReadiness(ctx, false); err != nil {
		return err
	}
	if err := c.expectNoAgent(ctx); err != nil {
		return err
	}
	c.agents = nil
	if _, err := c.startAgent(); err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	return c.get(ctx)
}

func serverRestart(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 2); err != nil {
		return err
	}
	if err := c.get(ctx); err != nil {
		return err
	}
	c.server.kill()
	for _, agent := range c.agents {
		if err := agent.awaitReadiness(ctx, false); err != nil {
			return err
		}
	}
	if err := within(3*time.Second, func() error {
		_, err := c.failure(ctx, local(c.target.http))
		return err
	}); err != nil {
		return err
	}
	if err := c.startServer(); err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	return c.get(ctx)
}

// drainingAgent: an agent that said DRAIN keeps its connections, gets new ones only when nobody
// else is left, and then does serve them.
func drainingAgent(ctx context.Context, c *cell) error {
	if err := c.startAll(ctx, 1); err != nil {
		return err
	}
	idle, first, err := c.newIdler(ctx)
	if err != nil {
		return err
	}
	defer idle.conn.Close()
	if _, err := c.startAgent(); err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	c.drain(c.agents[0])
	inRow := 0
	if err := await(ctx, "new dials to spare the draining agent", func() error {
		// The reference's agents say DRAIN when the next packet arrives.
		if _, err := idle.request(); err != nil {
			return err
		}
		agent, err := c.whoami(ctx)
		if err == nil && agent == first {
			err = errors.New("the draining agent was chosen")
		}
		if err != nil {
			inRow = 0
			return err
		}
		if inRow++; inRow < 10 {
			return fmt.Errorf("%d in a row", inRow)
		}
		return nil
	}); err != nil {
		return err
	}
	for range 20 {
		if agent, err := c.whoami(ctx); err != nil {
			return err
		} else if agent == first {
			return errors.New("the draining agent was chosen")
		}
	}
	c.agents[1].kill()
	// Nothing but dials tells when the server has noticed.
	lastResort, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := await(lastResort, "the draining agent to be the last resort", func() error {
		agent, err := c.whoami(lastResort)
		if err == nil && agent != first {
			err = fmt.Errorf("served by %s", agent)
		}
		return err
	}); err != nil {
		return err
	}
	_, err = idle.request()
	return err
}

// sameAgentID: a second stream under the same agent ID does not break the first one's requests,
// and neither does its end.
func sameAgentID(ctx context.Context, c *cell) error {
	if err := c.startServer(); err != nil {
		return err
	}
	if _, err := c.startAgentAt(c.agentPort, "twin"); err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	idle, first, err := c.newIdler(ctx)
	if err != nil {
		return err
	}
	defer idle.conn.Close()
	stillFirst := func() error {
		agent, err := idle.request()
		if err == nil && agent != first {
			err = fmt.Errorf("served by %s instead of %s", agent, first)
		}
		return err
	}
	twin, err := c.startAgentAt(c.agentPort, "twin")
	if err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	for range 10 {
		if err := errors.Join(stillFirst(), c.getSoon(ctx, 3*time.Second)); err != nil {
			return fmt.Errorf("with a second stream: %w", err)
		}
	}
	twin.kill()
	// Until the server has noticed, dials may still go to the twin.
	if err := await(ctx, "dials after the twin's end", func() error {
		return c.getSoon(ctx, 3*time.Second)
	}); err != nil {
		return err
	}
	if err := stillFirst(); err != nil {
		return fmt.Errorf("after the second stream: %w", err)
	}
	return c.getSoon(ctx, 3*time.Second)
}

func readiness(ctx context.Context, c *cell) error {
	agent, err := c.startAgent()
	if err != nil {
		return err
	}
	if err := agent.awaitReadiness(ctx, false); err != nil {
		return err
	}
	if status, body := page("http://" + agent.health + "/healthz"); status != 200 {
		return fmt.Errorf("agent without a server: /healthz answers %d %s", status, body)
	}
	if err := c.startServer(); err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	if status, body := page("http://" + c.server.health + "/healthz"); status != 200 {
		return fmt.Errorf("server: /healthz answers %d %s", status, body)
	}
	agent.kill()
	if err := c.server.awaitReadiness(ctx, false); err != nil {
		return err
	}
	return nil
}

func customALPN(ctx context.Context, c *cell) error {
	if err := c.startServer(); err != nil {
		return err
	}
	seen := make(chan []string, 16)
	tap, err := tapALPN(fmt.Sprintf("127.0.0.1:%d", c.agentPort), seen)
	if err != nil {
		return err
	}
	defer tap.Close()
	if _, err := c.startAgentAt(port(tap), "alpn", "--alpn-proto=proxy-through"); err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	if offered := <-seen; !slices.Contains(offered, "proxy-through") || !slices.Contains(offered, "h2") {
		return fmt.Errorf("the agent offers %q", offered)
	}
	return c.get(ctx)
}

// threeServers puts three servers behind one address that leads to a random one.
func threeServers(ctx context.Context, c *cell) error {
	c.serverCount = 3
	balancer, err := newBalancer()
	if err != nil {
		return err
	}
	defer balancer.Close()
	type member struct {
		*process
		front, back int
	}
	var servers []member
	add := func(name string) error {
		m := member{front: freePort(), back: freePort()}
		var err error
		if m.process, err = c.newServer(name, m.front, m.back); err != nil {
			return err
		}
		servers = append(servers, m)
		balancer.add(m.back)
		return nil
	}
	defer func() {
		for _, server := range servers {
			server.kill()
		}
	}()
	for _, name := range []string{"one", "two", "three"} {
		if err := add(name); err != nil {
			return err
		}
	}
	agent, err := c.startAgentAt(port(balancer.listener), "ha")
	if err != nil {
		return err
	}
	// Every server is ready, which takes an agent, and reaches the target. So says the agent, and before
	// it does it may still come to one of them twice: dials by the link that it then drops are lost.
	expectAll := func() error {
		if err := agent.awaitReadiness(ctx, true); err != nil {
			return err
		}
		err := c.expectMetric(ctx, agent, "open_server_connections", len(servers))
		if err != nil {
			return err
		}
		for _, server := range servers {
			if err := server.awaitReadiness(ctx, true); err != nil {
				return err
			}
			c.serverPort = server.front
			if err := c.get(ctx); err != nil {
				return fmt.Errorf("through %s: %w", server.name, err)
			}
		}
		return nil
	}
	if err := expectAll(); err != nil {
		return err
	}
	balancer.remove(servers[1].back)
	servers[1].signal(syscall.SIGKILL)
	<-servers[1].exited
	servers = slices.Delete(servers, 1, 2)
	if err := expectAll(); err != nil {
		return fmt.Errorf("with two of three servers: %w", err)
	}
	if err := add("four"); err != nil {
		return err
	}
	if err := expectAll(); err != nil {
		return fmt.Errorf("with a replacement: %w", err)
	}
	return nil
}

func (c *cell) expectMetric(ctx context.Context, agent *process, name string, want int) error {
	line := fmt.Sprintf("konnectivity_network_proxy_agent_%s %d\n", name, want)
	return await(ctx, line, func() error {
		_, text := page("http://" + agent.admin + "/metrics")
		if !strings.Contains(text, line) {
			return errors.New("the agent's metrics do not say so")
		}
		return nil
	})
}
