package main

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"

	"google.golang.org/grpc"
	wire "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

// grpcFront is a client's gRPC stream, which carries one connection.
type grpcFront struct {
	sender
	random int64
	id     chan int64 // once, 0 when the dial failed
	connID int64
}

func (f *grpcFront) dialled(id int64, failure string) {
	f.id <- id
	f.connID = id
	f.send(dialResponse(f.random, id, failure))
}

func (f *grpcFront) data(bytes []byte)     { f.send(data(f.connID, bytes)) }
func (f *grpcFront) closed(failure string) { f.send(closeResponse(f.connID, failure)) }

func (s *server) serveClient(stream grpc.ServerStream) error {
	f := &grpcFront{sender: sender{stream: stream}, id: make(chan int64, 1)}
	f.send(unknown())
	var agent *agentLink
	for {
		packet, err := receive(stream)
		if err != nil {
			f.end(s, agent)
			return nil
		}
		switch packet.Type {
		case wire.PacketType_DIAL_REQ:
			f.random = packet.GetDialRequest().Random
			if agent = s.dial(f, packet.GetDialRequest().Address, f.random); agent == nil {
				f.send(dialResponse(f.random, 0, "no agent for "+packet.GetDialRequest().Address))
			}
		case wire.PacketType_DATA, wire.PacketType_CLOSE_REQ:
			if agent != nil {
				agent.send(packet)
			}
		case wire.PacketType_DIAL_CLS:
			if agent != nil {
				s.giveUp(agent, f.random)
			}
		default:
			// Of a later version of the protocol.
		}
	}
}

// end leaves nothing behind of a client that is gone.
func (f *grpcFront) end(s *server, agent *agentLink) {
	if agent == nil || s.giveUp(agent, f.random) {
		return
	}
	if id := <-f.id; id != 0 {
		s.find(agent, id, true)
		agent.send(closeRequest(id))
	}
}

// connectFront is a client's CONNECT request.
type connectFront struct {
	net.Conn
	id chan int64
}

func (f *connectFront) dialled(id int64, failure string) {
	if failure != "" {
		fmt.Fprintf(f, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			len(failure), failure)
		f.Close()
	} else {
		io.WriteString(f, "HTTP/1.1 200 Connection Established\r\n\r\n")
	}
	f.id <- id
}

func (f *connectFront) data(bytes []byte) { f.Write(bytes) }
func (f *connectFront) closed(string)     { f.Close() }

func (s *server) serveConnect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "this proxy only supports CONNECT passthrough", http.StatusMethodNotAllowed)
		return
	}
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	f := &connectFront{conn, make(chan int64, 1)}
	random := rand.Int63()
	agent := s.dial(f, r.Host, random)
	if agent == nil {
		io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n"+
			"Connection: close\r\n\r\nno agent")
		return
	}
	id := <-f.id
	if id == 0 {
		return
	}
	for chunk := make([]byte, clientChunk); ; {
		n, err := buffered.Read(chunk)
		if n > 0 {
			agent.send(data(id, chunk[:n]))
		}
		if err != nil {
			s.find(agent, id, true)
			agent.send(closeRequest(id))
			return
		}
	}
}
