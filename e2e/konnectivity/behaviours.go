package main

import (
	"context"
	"fmt"
	"time"
)

// cell is one combination of client, server and agent, in a lab.
type cell struct {
	*lab
	client *client
}

// behaviour is something that a client can rely on. It runs in a lab with two agents, shared with
// the other behaviours of its cell, or in one of its own that it fills itself.
type behaviour struct {
	name    string
	ownLab  bool
	applies func(c *cell) bool // nil: always
	run     func(ctx context.Context, c *cell) error
}

// behaviourLimit bounds what one behaviour may take, waiting for silent targets included.
const behaviourLimit = 40 * time.Second

func dials(c *cell) bool    { return c.client.dial != nil }
func cancels(c *cell) bool  { return dials(c) && c.client.context }
func connects(c *cell) bool { return dials(c) && c.client.front == frontConnect }

// once is what does not depend on the client: it runs with one of them.
func once(c *cell) bool { return c.client.once }

// haAgent says that the agent holds links to several servers; the Go peer has one.
func haAgent(c *cell) bool { return once(c) && c.agentKind != goPeer }

func behaviours() []behaviour {
	return []behaviour{
		{name: "get", run: getTwice},
		{name: "no stray byte", applies: connects, run: noStrayByte},
		{name: "only CONNECT", applies: connects, run: onlyConnect},
		{name: "target speaks first", applies: speaksFirst, run: targetSpeaksFirst},
		{name: "target ends", applies: dials, run: targetEnds},
		{name: "refused target", run: refusedTarget},
		{name: "unknown name", run: unknownName},
		{name: "20 MiB", run: bulk},
		{name: "10 x 10 MiB", applies: dials, run: parallelBulk},
		{name: "100 echoes", applies: dials, run: echoes},
		{name: "1,000 dials on one connection", applies: shares, run: thousandDials},
		{name: "short reads", applies: dials, run: shortReads},
		{name: "expired context", applies: cancels, run: expiredContext},
		{name: "cancelled during dial", applies: cancels, run: cancelledDuringDial},
		{name: "cancelled after dial", applies: cancels, run: cancelledAfterDial},
		{name: "silent target", ownLab: true, run: silentTarget},
		{name: "cancelled silent dial", ownLab: true, applies: cancels, run: cancelledSilentDial},
		{name: "no agent", ownLab: true, run: noAgent},
		{name: "agent lost when idle", ownLab: true, applies: dials, run: agentLostWhenIdle},
		{name: "agent restart", ownLab: true, applies: dials, run: agentRestart},
		{name: "server restart", ownLab: true, applies: dials, run: serverRestart},
		{name: "draining agent", ownLab: true, applies: dials, run: drainingAgent},
		{name: "same agent ID", ownLab: true, applies: dials, run: sameAgentID},
		{name: "slow target", ownLab: true, applies: holdsNobodyUp, run: slowTarget},
		{name: "slow client", ownLab: true, applies: sparesOthers, run: slowClient},
		{name: "50 slow readers", ownLab: true, applies: sparesOthers, run: slowReaders},
		{name: "readiness", ownLab: true, applies: once, run: readiness},
		{name: "custom ALPN", ownLab: true, applies: haAgent, run: customALPN},
		{name: "three servers", ownLab: true, applies: haAgent, run: threeServers},
	}
}

// sparesOthers: a client that reads slowly holds up the whole stream of its agent elsewhere.
func sparesOthers(c *cell) bool { return dials(c) && c.serverKind == ours }

// holdsNobodyUp: so does a target, unless both ends give each connection a window of its own.
func holdsNobodyUp(c *cell) bool {
	return dials(c) && c.serverKind == ours && c.agentKind == ours
}

func (c *cell) url(format string, args ...any) string {
	return "http://" + local(c.target.http) + fmt.Sprintf(format, args...)
}

// get is a small request over a connection of its own.
func (c *cell) get(ctx context.Context) error {
	body, err := c.client.get(ctx, c.url("/bytes?n=3000"))
	if err != nil {
		return err
	}
	return same(body, pattern(3000))
}

func (c *cell) getSoon(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.get(ctx)
}

// whoami is the address that the agent who serves a new connection reaches under a shared name.
func (c *cell) whoami(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	address, err := c.client.get(ctx, fmt.Sprintf("http://%s:%d/whoami", whoami, port(c.target.http)))
	return string(address), err
}

// noTargetConnections waits until the agents hold no connection to the target.
func (c *cell) noTargetConnections(ctx context.Context) error {
	patience := 10 * time.Second
	if c.client.front == frontConnect && c.serverKind == ours && c.agentKind != ours {
		// Over TCP a client that left looks like one that waits for its answer: it gets half a minute,
		// as these agents cannot be told of the half that is closed.
		patience = 45 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return await(ctx, "the target's connections to end", func() error {
		if open := c.target.openConnections(); open > 0 {
			return fmt.Errorf("%d are open", open)
		}
		return nil
	})
}

func same(got, want []byte) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d bytes instead of %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			return fmt.Errorf("byte %d of %d is wrong", i, len(want))
		}
	}
	return nil
}

// within runs f and says so when it took longer than it should.
func within(limit time.Duration, f func() error) error {
	started := time.Now()
	err := f()
	if took := time.Since(started); took > limit {
		return fmt.Errorf("took %v, at most %v: %v", took.Round(time.Millisecond), limit, err)
	}
	return err
}

// all runs f n times at once and returns the first failure.
func all(n int, f func(i int) error) error {
	failures := make(chan error, n)
	for i := range n {
		go func() { failures <- f(i) }()
	}
	var first error
	for range n {
		if err := <-failures; err != nil && first == nil {
			first = err
		}
	}
	return first
}
