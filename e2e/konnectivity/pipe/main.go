// pipe is one connection through the hub's gRPC port by konnectivity-client, with standard input and
// output as its ends, like `hawser dial`. That library cannot half-close: where standard input ends,
// the connection is closed.
//
//	pipe -hub HOST:PORT|unix:PATH [-cert FILE -key FILE -ca FILE] TARGET
//
// The exit code is 0 after an end, 1 after a reset or without a connection, 3 where the library gave
// up by itself: for lack of a reader, or of an answer to its closing, in ten seconds.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"log"
	"os"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	konnectivity "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/pkg/client"
	wire "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/proto/client"
)

const (
	ended = iota
	reset
	_
	gaveUp
)

func main() {
	hub := flag.String("hub", "", "the gRPC front end")
	cert := flag.String("cert", "", "certificate")
	key := flag.String("key", "", "its key")
	ca := flag.String("ca", "", "who signs for the hub")
	flag.Parse()
	security := insecure.NewCredentials()
	if !strings.HasPrefix(*hub, "unix:") {
		security = mutualTLS(*cert, *key, *ca)
	}
	os.Exit(pipe(*hub, security, flag.Arg(0)))
}

func mutualTLS(cert, key, ca string) credentials.TransportCredentials {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		log.Fatal(err)
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool})
}

// pipe returns the exit code.
func pipe(hub string, security credentials.TransportCredentials, target string) int {
	ctx := context.Background()
	seen := &watched{outcome: gaveUp}
	tunnel, err := konnectivity.CreateSingleUseGrpcTunnelWithContext(ctx, ctx, hub,
		grpc.WithTransportCredentials(security), grpc.WithStreamInterceptor(seen.open))
	if err != nil {
		log.Fatal(err)
	}
	conn, err := tunnel.DialContext(ctx, "tcp", target)
	if err != nil {
		log.Fatal(err)
	}
	var closing atomic.Bool
	closed := make(chan error, 1)
	go func() {
		if _, err := io.Copy(conn, os.Stdin); err == nil {
			closing.Store(true)
			closed <- conn.Close()
		} // or else the reader hears why
	}()
	if _, err := io.Copy(os.Stdout, conn); err != nil {
		log.Fatal(err)
	}
	if closing.Load() {
		if err := <-closed; err != nil && err.Error() == "close timeout" {
			return gaveUp
		}
	}
	return seen.outcome
}

// watched is the stream of packets, and how it came to its end: conn.Read takes a reset for an end,
// and conn.Close tells one from the other only when it is not too late.
type watched struct {
	grpc.ClientStream
	outcome int
}

func (w *watched) open(ctx context.Context, kind *grpc.StreamDesc, conn *grpc.ClientConn,
	method string, streamer grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	var err error
	w.ClientStream, err = streamer(ctx, kind, conn, method, options...)
	return w, err
}

func (w *watched) RecvMsg(message any) error {
	err := w.ClientStream.RecvMsg(message)
	packet, _ := message.(*wire.Packet)
	switch {
	case err != nil:
		w.outcome = reset
	case packet.GetType() == wire.PacketType_CLOSE_RSP && packet.GetCloseResponse().GetError() == "":
		w.outcome = ended
	case packet.GetType() == wire.PacketType_CLOSE_RSP:
		w.outcome = reset
	}
	return err
}
