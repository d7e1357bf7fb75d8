package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	wire "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

type agent struct {
	host, id, cert, key, ca string
	port, health            int

	ready atomic.Bool
	drain chan struct{}
}

func newAgent(flags *flag.FlagSet) *agent {
	a := &agent{drain: make(chan struct{})}
	flags.StringVar(&a.host, "proxy-server-host", "127.0.0.1", "")
	flags.IntVar(&a.port, "proxy-server-port", 8091, "")
	flags.StringVar(&a.id, "agent-id", "peer", "")
	flags.StringVar(&a.cert, "agent-cert", "", "")
	flags.StringVar(&a.key, "agent-key", "", "")
	flags.StringVar(&a.ca, "ca-cert", "", "")
	flags.IntVar(&a.health, "health-server-port", 8093, "")
	ignore(flags, "admin-server-port", "keepalive-time", "sync-interval", "sync-interval-cap", "v")
	return a
}

func (a *agent) run() error {
	config, err := tlsConfig(a.cert, a.key, a.ca)
	if err != nil {
		return err
	}
	go serveHealth(fmt.Sprintf("127.0.0.1:%d", a.health), a.ready.Load)
	go a.awaitSignals()
	for {
		err := a.serveOnce(grpc.WithTransportCredentials(credentials.NewTLS(config)),
			grpc.WithKeepaliveParams(
				keepalive.ClientParameters{Time: pingInterval, PermitWithoutStream: true}))
		a.ready.Store(false)
		log.Print("link: ", err)
		time.Sleep(200 * time.Millisecond)
	}
}

// awaitSignals drains on the first signal and ends on the second one.
func (a *agent) awaitSignals() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
	close(a.drain)
	<-signals
	os.Exit(0)
}

func (a *agent) serveOnce(options ...grpc.DialOption) error {
	conn, err := grpc.NewClient(fmt.Sprintf("passthrough:///%s:%d", a.host, a.port), options...)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(),
		"agentID", a.id, "agentIdentifiers", ""))
	defer cancel()
	stream, err := conn.NewStream(ctx, &bothWays, "/AgentService/Connect")
	if err != nil {
		return err
	}
	header, err := stream.Header()
	if err != nil {
		return err
	}
	if len(header.Get("serverID")) != 1 || len(header.Get("serverCount")) != 1 {
		return errors.New("server says neither its ID nor a count")
	}
	a.ready.Store(true)
	l := &link{sender: sender{stream: stream}, targets: map[int64]*targetConn{}}
	defer l.closeAll()
	l.send(unknown())
	go func() {
		select {
		case <-a.drain:
			l.send(&wire.Packet{Type: wire.PacketType_DRAIN,
				Payload: &wire.Packet_Drain{Drain: &wire.Drain{}}})
		case <-ctx.Done():
		}
	}()
	for {
		packet, err := receive(stream)
		if err != nil {
			return err
		}
		l.handle(packet)
	}
}

// link is the stream to one server, with the connections it asked for.
type link struct {
	sender
	lastID  atomic.Int64
	lock    sync.Mutex
	targets map[int64]*targetConn
}

type targetConn struct {
	net.Conn
	queue chan []byte // to the target; only handle() writes and closes it
}

func (l *link) handle(packet *wire.Packet) {
	switch packet.Type {
	case wire.PacketType_DIAL_REQ:
		go l.dial(packet.GetDialRequest())
	case wire.PacketType_DATA:
		id := packet.GetData().ConnectID
		if target := l.find(id); target != nil {
			target.queue <- packet.GetData().Data
		} else {
			l.send(closeResponse(id, "unrecognized connectID"))
		}
	case wire.PacketType_CLOSE_REQ:
		id := packet.GetCloseRequest().ConnectID
		if target := l.find(id); target != nil {
			l.remove(id)
			close(target.queue) // what is in it still goes out
		} else {
			l.send(closeResponse(id, "Unknown connectID"))
		}
	default:
		log.Print("unrecognized packet type ", packet.Type)
	}
}

func (l *link) dial(request *wire.DialRequest) {
	conn, err := net.DialTimeout(request.Protocol, request.Address, dialLimit)
	if err != nil {
		l.send(dialResponse(request.Random, 0, err.Error()))
		return
	}
	target := &targetConn{conn, make(chan []byte, queuedPackets)}
	id := l.lastID.Add(1)
	l.lock.Lock()
	l.targets[id] = target
	l.lock.Unlock()
	if err := l.send(dialResponse(request.Random, id, "")); err != nil {
		conn.Close()
		return
	}
	go func() {
		defer conn.Close()
		for bytes := range target.queue {
			conn.Write(bytes) // an error shows at the reading side too
		}
	}()
	l.readTarget(id, conn)
}

func (l *link) readTarget(id int64, conn net.Conn) {
	for chunk := make([]byte, targetChunk); ; {
		n, err := conn.Read(chunk)
		if n > 0 {
			l.send(data(id, chunk[:n]))
		}
		if err != nil {
			text := ""
			if err != io.EOF && !errors.Is(err, net.ErrClosed) {
				text = err.Error()
			}
			conn.Close()
			l.send(closeResponse(id, text))
			l.remove(id)
			return
		}
	}
}

func (l *link) find(id int64) *targetConn {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.targets[id]
}

func (l *link) remove(id int64) {
	l.lock.Lock()
	defer l.lock.Unlock()
	delete(l.targets, id)
}

func (l *link) closeAll() {
	l.lock.Lock()
	defer l.lock.Unlock()
	for _, target := range l.targets {
		target.Close()
	}
}
