// grpcgo is a gRPC peer on grpc-go, for interoperability tests of lib/h2 (lib/h2/grpc_go_test.cc):
//
//	(cd e2e/grpcgo && go build -o <out> .)
//	bazel test --test_env=HAWSER_GRPCGO_PEER=<out> //lib/h2:grpc_go_test
//
// Messages are bytes: the framing, headers, flow control and endings are what is tested, and no
// stubs are needed.
//
//	grpcgo [-ca FILE -cert FILE -key FILE] server
//	grpcgo [-ca FILE -cert FILE -key FILE] client ADDRESS SCENARIO
//
// The server prints "listening ADDRESS", answers the methods of server.go, stops gracefully when
// its standard input ends, and prints what it noticed meanwhile. The client runs one scenario of
// client.go and exits with 0 when it went as it should.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	ca := flag.String("ca", "", "certificates of the CA of the other side; empty: no TLS")
	cert := flag.String("cert", "", "own certificate")
	key := flag.String("key", "", "own private key")
	flag.Parse()
	if err := run(*ca, *cert, *key, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "grpcgo:", err)
		os.Exit(1)
	}
}

func run(ca, cert, key string, args []string) error {
	creds, err := transportCredentials(ca, cert, key)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "server":
		return serve(creds)
	case len(args) == 3 && args[0] == "client":
		return call(creds, args[1], args[2])
	}
	return errors.New("usage: grpcgo [flags] server | client ADDRESS SCENARIO")
}

func transportCredentials(ca, cert, key string) (credentials.TransportCredentials, error) {
	if ca == "" {
		return insecure.NewCredentials(), nil
	}
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
	return credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ServerName:   "localhost",
		MinVersion:   tls.VersionTLS12,
	}), nil
}

// rawCodec passes messages as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

// patternByte is TestCall::PatternByte of lib/h2/test_call.h.
func patternByte(offset uint64) byte { return byte(offset * 131 >> 3) }
