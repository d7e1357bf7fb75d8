package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	frontGRPC    = "grpc"
	frontConnect = "http-connect"
)

const (
	ours      = "ours"
	reference = "reference"
	goPeer    = "go"
)

// binaries are where the parts of a matrix are, by who made them.
type binaries struct {
	server, agent map[string][]string
	hawser        string
}

// lab is one server with its agents and a target. Every server and every agent gets the same
// command line, whoever made it: that they can replace each other is what is tested.
type lab struct {
	dir         string
	pki         string
	bin         binaries
	serverKind  string
	agentKind   string
	front       string
	serverPort  int
	agentPort   int
	serverCount int
	server      *process
	agents      []*process
	target      *target
	silent      string // an address that never answers
}

// Ports and addresses are those of a network namespace that is this program's alone.
var nextPort, nextSilent atomic.Int32

func freePort() int { return 20000 + int(nextPort.Add(1)) }

func newLab(work string, bin binaries, serverKind, agentKind, front string) (*lab, error) {
	dir, err := os.MkdirTemp(work, serverKind+"-"+agentKind+"-")
	if err != nil {
		return nil, err
	}
	number := nextSilent.Add(1)
	return &lab{
		dir: dir, pki: filepath.Join(work, "pki"), bin: bin,
		serverKind: serverKind, agentKind: agentKind, front: front,
		serverPort: freePort(), agentPort: freePort(), serverCount: 1,
		silent: fmt.Sprintf("10.99.%d.%d:80", number/250, number%250+2),
	}, nil
}

func (l *lab) close() {
	for _, agent := range l.agents {
		agent.kill()
	}
	l.server.kill()
	if l.target != nil {
		l.target.close()
	}
}

func (l *lab) renewTarget() (err error) {
	if l.target != nil {
		l.target.close()
	}
	l.target, err = newTarget()
	return err
}

func (l *lab) frontAddress() string { return fmt.Sprintf("127.0.0.1:%d", l.serverPort) }

func (l *lab) startServer() error {
	var err error
	l.server, err = l.newServer("server", l.serverPort, l.agentPort)
	return err
}

func (l *lab) newServer(name string, serverPort, agentPort int) (*process, error) {
	health, admin := freePort(), freePort()
	leaf := filepath.Join(l.pki, "servers", "hub")
	p, err := start(l.dir, name, "", l.bin.server[l.serverKind],
		"--mode="+l.front, "--server-id="+name,
		fmt.Sprint("--server-count=", l.serverCount),
		fmt.Sprint("--server-port=", serverPort), "--server-bind-address=127.0.0.1",
		fmt.Sprint("--agent-port=", agentPort), "--agent-bind-address=127.0.0.1",
		fmt.Sprint("--health-port=", health), fmt.Sprint("--admin-port=", admin),
		"--server-cert="+leaf+"/tls.crt", "--server-key="+leaf+"/tls.key",
		"--server-ca-cert="+l.pki+"/ca/clients.crt",
		"--cluster-cert="+leaf+"/tls.crt", "--cluster-key="+leaf+"/tls.key",
		"--cluster-ca-cert="+l.pki+"/ca/agents.crt",
		"--keepalive-time=30s", "--frontend-keepalive-time=30s",
		"--backend-dial-timeout=7s", "--v=2")
	if err != nil {
		return nil, err
	}
	p.health = fmt.Sprintf("127.0.0.1:%d", health)
	p.admin = fmt.Sprintf("127.0.0.1:%d", admin)
	return p, nil
}

// whoami is a name that leads every agent to an address of its own.
const whoami = "whoami.test"

func (l *lab) startAgent(more ...string) (*process, error) {
	return l.startAgentAt(l.agentPort, fmt.Sprint("agent", len(l.agents)+1), more...)
}

func (l *lab) startAgentAt(serverPort int, id string, more ...string) (*process, error) {
	health, admin := freePort(), freePort()
	number := len(l.agents) + 1
	p, err := start(l.dir, fmt.Sprint("agent", number),
		fmt.Sprintf("127.0.0.1 localhost\n127.0.0.%d %s\n", number+1, whoami),
		l.bin.agent[l.agentKind], append([]string{
			"--proxy-server-host=127.0.0.1", fmt.Sprint("--proxy-server-port=", serverPort),
			"--agent-id=" + id,
			fmt.Sprint("--health-server-port=", health), fmt.Sprint("--admin-server-port=", admin),
			"--ca-cert=" + l.pki + "/ca/servers.crt",
			"--agent-cert=" + l.pki + "/plain-agent.crt", "--agent-key=" + l.pki + "/plain-agent.key",
			"--keepalive-time=30s", "--sync-interval=200ms", "--sync-interval-cap=1s", "--v=2"},
			more...)...)
	if err != nil {
		return nil, err
	}
	p.health = fmt.Sprintf("127.0.0.1:%d", health)
	p.admin = fmt.Sprintf("127.0.0.1:%d", admin)
	l.agents = append(l.agents, p)
	return p, nil
}

// startAll starts the server and n agents, and waits until all of them are ready.
func (l *lab) startAll(ctx context.Context, n int) error {
	if err := l.startServer(); err != nil {
		return err
	}
	for range n {
		if _, err := l.startAgent(); err != nil {
			return err
		}
	}
	return l.awaitReady(ctx)
}

func (l *lab) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, p := range append([]*process{l.server}, l.agents...) {
		if err := p.awaitReadiness(ctx, true); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) drain(agent *process) { agent.signal(syscall.SIGTERM) }

func (l *lab) clientTLS() *tls.Config {
	leaf := filepath.Join(l.pki, "clients", "alice")
	pair, err := tls.LoadX509KeyPair(leaf+"/tls.crt", leaf+"/tls.key")
	if err != nil {
		panic(err) // setUpPKI made it
	}
	ca, err := os.ReadFile(leaf + "/ca.crt")
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ServerName:   "127.0.0.1",
		MinVersion:   tls.VersionTLS12,
	}
}
