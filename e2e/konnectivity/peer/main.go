// peer is a proxy-server and a proxy-agent on grpc-go, small and after the reference's habits: one
// stream per agent, packets of 4 KiB from targets and of 32 KiB from clients, bounded queues that
// hold up a whole stream when one connection is slow, pings every 30 s, and no interest in packet
// types it does not know, of which it sends one itself. They stand for peers that are neither ours
// nor the reference's.
//
//	peer server | agent [the reference's flags]
package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	wire "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

const (
	clientChunk   = 32 << 10
	targetChunk   = 4 << 10
	queuedPackets = 150
	pingInterval  = 30 * time.Second
	dialLimit     = 5 * time.Second // of the agent
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: peer server|agent [flags]")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	var run func() error
	switch os.Args[1] {
	case "server":
		run = newServer(flags).run
	case "agent":
		run = newAgent(flags).run
	default:
		log.Fatalf("%q is neither server nor agent", os.Args[1])
	}
	flags.Parse(os.Args[2:])
	log.Fatal(run())
}

// ignore accepts flags of the reference that mean nothing here.
func ignore(flags *flag.FlagSet, names ...string) {
	for _, name := range names {
		flags.String(name, "", "ignored")
	}
}

// tlsConfig has a leaf of its own and checks the other side's against a CA.
func tlsConfig(cert, key, ca string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", ca)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS12,
	}, nil
}

func serveHealth(address string, ready func() bool) {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(w, "not connected", http.StatusServiceUnavailable)
		}
	})
	log.Fatal(http.ListenAndServe(address, mux))
}

// packetStream is either side of a stream of packets.
type packetStream interface {
	SendMsg(any) error
	RecvMsg(any) error
}

// sender lets several goroutines send on one stream.
type sender struct {
	mu     sync.Mutex
	stream packetStream
}

func (s *sender) send(packet *wire.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.SendMsg(packet)
}

func receive(stream packetStream) (*wire.Packet, error) {
	packet := new(wire.Packet)
	return packet, stream.RecvMsg(packet)
}

var bothWays = grpc.StreamDesc{StreamName: "Connect", ServerStreams: true, ClientStreams: true}

// unknown is a packet of a later version of the protocol.
func unknown() *wire.Packet { return &wire.Packet{Type: 99} }

func dialRequest(address string, random int64) *wire.Packet {
	return &wire.Packet{Type: wire.PacketType_DIAL_REQ, Payload: &wire.Packet_DialRequest{
		DialRequest: &wire.DialRequest{Protocol: "tcp", Address: address, Random: random}}}
}

func dialResponse(random, id int64, failure string) *wire.Packet {
	return &wire.Packet{Type: wire.PacketType_DIAL_RSP, Payload: &wire.Packet_DialResponse{
		DialResponse: &wire.DialResponse{Random: random, ConnectID: id, Error: failure}}}
}

func data(id int64, bytes []byte) *wire.Packet {
	return &wire.Packet{Type: wire.PacketType_DATA, Payload: &wire.Packet_Data{
		Data: &wire.Data{ConnectID: id, Data: bytes}}}
}

func closeRequest(id int64) *wire.Packet {
	return &wire.Packet{Type: wire.PacketType_CLOSE_REQ, Payload: &wire.Packet_CloseRequest{
		CloseRequest: &wire.CloseRequest{ConnectID: id}}}
}

func closeResponse(id int64, failure string) *wire.Packet {
	return &wire.Packet{Type: wire.PacketType_CLOSE_RSP, Payload: &wire.Packet_CloseResponse{
		CloseResponse: &wire.CloseResponse{ConnectID: id, Error: failure}}}
}
