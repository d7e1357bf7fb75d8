package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	wire "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

type server struct {
	id, mode, count                    string
	cert, key, ca                      string
	clusterCert, clusterKey, clusterCA string
	port, agentPort, healthPort        int
	dialLimit                          time.Duration

	mu     sync.Mutex
	agents []*agentLink
}

// frontend is a client's side of a connection; its agent's goroutine calls it.
type frontend interface {
	dialled(id int64, failure string)
	data(bytes []byte)
	closed(failure string)
}

// agentLink is one agent's stream. Connections are looked up under the server's mutex.
type agentLink struct {
	sender
	draining bool
	pending  map[int64]frontend // by dial
	open     map[int64]frontend // by connection
}

func newServer(flags *flag.FlagSet) *server {
	s := &server{}
	flags.StringVar(&s.id, "server-id", "peer", "")
	flags.StringVar(&s.count, "server-count", "1", "")
	flags.StringVar(&s.mode, "mode", "grpc", "")
	flags.StringVar(&s.cert, "server-cert", "", "")
	flags.StringVar(&s.key, "server-key", "", "")
	flags.StringVar(&s.ca, "server-ca-cert", "", "")
	flags.StringVar(&s.clusterCert, "cluster-cert", "", "")
	flags.StringVar(&s.clusterKey, "cluster-key", "", "")
	flags.StringVar(&s.clusterCA, "cluster-ca-cert", "", "")
	flags.IntVar(&s.port, "server-port", 8090, "")
	flags.IntVar(&s.agentPort, "agent-port", 8091, "")
	flags.IntVar(&s.healthPort, "health-port", 8092, "")
	flags.DurationVar(&s.dialLimit, "backend-dial-timeout", 0, "")
	ignore(flags, "server-bind-address", "agent-bind-address", "admin-port", "keepalive-time",
		"frontend-keepalive-time", "v")
	return s
}

func (s *server) run() error {
	front, err := tlsConfig(s.cert, s.key, s.ca)
	if err != nil {
		return err
	}
	cluster, err := tlsConfig(s.clusterCert, s.clusterKey, s.clusterCA)
	if err != nil {
		return err
	}
	go serveHealth(fmt.Sprintf("127.0.0.1:%d", s.healthPort), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.agents) > 0
	})
	failed := make(chan error, 2)
	go func() {
		failed <- serveGRPC(credentials.NewTLS(cluster), s.agentPort, "AgentService", "Connect",
			s.serveAgent)
	}()
	go func() {
		if s.mode == "grpc" {
			failed <- serveGRPC(credentials.NewTLS(front), s.port, "ProxyService", "Proxy",
				s.serveClient)
			return
		}
		connect := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", s.port), TLSConfig: front,
			Handler: http.HandlerFunc(s.serveConnect)}
		front.NextProtos = []string{"http/1.1"}
		failed <- connect.ListenAndServeTLS("", "")
	}()
	return <-failed
}

func serveGRPC(creds credentials.TransportCredentials, port int, service, method string,
	serve func(grpc.ServerStream) error) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.Creds(creds),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingInterval}),
		grpc.KeepaliveEnforcementPolicy(
			keepalive.EnforcementPolicy{MinTime: pingInterval, PermitWithoutStream: true}))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: method, ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { return serve(stream) },
		}},
	}, nil)
	return server.Serve(listener)
}

func (s *server) serveAgent(stream grpc.ServerStream) error {
	err := stream.SendHeader(metadata.Pairs("serverID", s.id, "serverCount", s.count))
	if err != nil {
		return err
	}
	a := &agentLink{
		sender:  sender{stream: stream},
		pending: map[int64]frontend{},
		open:    map[int64]frontend{},
	}
	a.send(unknown())
	s.mu.Lock()
	s.agents = append(s.agents, a)
	s.mu.Unlock()
	defer s.lose(a)
	for {
		packet, err := receive(stream)
		if err != nil {
			return err
		}
		s.handleAgent(a, packet)
	}
}

func (s *server) handleAgent(a *agentLink, packet *wire.Packet) {
	switch packet.Type {
	case wire.PacketType_DIAL_RSP:
		r := packet.GetDialResponse()
		if f := s.answered(a, r); f != nil {
			f.dialled(r.ConnectID, r.Error)
		} else if r.Error == "" { // nobody waits for it any more
			a.send(closeRequest(r.ConnectID))
		}
	case wire.PacketType_DATA:
		if f := s.find(a, packet.GetData().ConnectID, false); f != nil {
			f.data(packet.GetData().Data)
		}
	case wire.PacketType_CLOSE_RSP:
		if f := s.find(a, packet.GetCloseResponse().ConnectID, true); f != nil {
			f.closed(packet.GetCloseResponse().Error)
		}
	case wire.PacketType_DRAIN:
		s.mu.Lock()
		a.draining = true
		s.mu.Unlock()
	default:
		log.Print("unrecognized packet type ", packet.Type)
	}
}

// answered takes the frontend of a pending dial, which from now on is a connection's.
func (s *server) answered(a *agentLink, r *wire.DialResponse) frontend {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := a.pending[r.Random]
	delete(a.pending, r.Random)
	if f != nil && r.Error == "" {
		a.open[r.ConnectID] = f
	}
	return f
}

func (s *server) find(a *agentLink, id int64, remove bool) frontend {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := a.open[id]
	if remove {
		delete(a.open, id)
	}
	return f
}

func (s *server) lose(a *agentLink) {
	s.mu.Lock()
	for i := range s.agents {
		if s.agents[i] == a {
			s.agents = append(s.agents[:i], s.agents[i+1:]...)
			break
		}
	}
	pending, open := a.pending, a.open
	a.pending, a.open = nil, nil
	s.mu.Unlock()
	for _, f := range pending {
		f.dialled(0, "the agent is gone")
	}
	for _, f := range open {
		f.closed("the agent is gone")
	}
}

// dial asks a random agent, a draining one if there is no other.
func (s *server) dial(f frontend, address string, random int64) *agentLink {
	s.mu.Lock()
	candidates := s.agents
	var fresh []*agentLink
	for _, a := range candidates {
		if !a.draining {
			fresh = append(fresh, a)
		}
	}
	if len(fresh) > 0 {
		candidates = fresh
	}
	if len(candidates) == 0 {
		s.mu.Unlock()
		return nil
	}
	a := candidates[rand.Intn(len(candidates))]
	a.pending[random] = f
	s.mu.Unlock()
	if s.dialLimit > 0 {
		time.AfterFunc(s.dialLimit, func() {
			if s.giveUp(a, random) {
				f.dialled(0, context.DeadlineExceeded.Error())
			}
		})
	}
	a.send(dialRequest(address, random))
	return a
}

// giveUp forgets a pending dial; false: it has been answered.
func (s *server) giveUp(a *agentLink, random int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, pending := a.pending[random]
	delete(a.pending, random)
	return pending
}
