//go:build !oldest

package main

import (
	"context"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	konnectivity "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/pkg/client"
)

// The newest konnectivity-client, and what needs no Go library at all.
func linkedClients(l *lab) []*client {
	return []*client{
		{name: "konnectivity-client v0.37.0", front: frontGRPC, once: true, context: true, dial: dialNewest(l),
			connect: connectNewest(l)},
		{name: "hawser dial", front: frontGRPC, ours: true, context: true, dial: dialHawser(l)},
		{name: "CONNECT", front: frontConnect, context: true, dial: dialConnect(l)},
		{name: "curl", front: frontConnect, fetch: fetchCurl(l)},
	}
}

func connectNewest(l *lab) func(context.Context) (dialFunc, io.Closer, error) {
	return func(ctx context.Context) (dialFunc, io.Closer, error) {
		tunnel, err := konnectivity.CreateGRPCTunnel(ctx, l.frontAddress(),
			grpc.WithTransportCredentials(credentials.NewTLS(l.clientTLS())))
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, address string) (net.Conn, error) {
			return tunnel.DialContext(ctx, "tcp", address)
		}, tunnel, nil
	}
}

func dialNewest(l *lab) dialFunc {
	return func(ctx context.Context, address string) (net.Conn, error) {
		tunnel, err := konnectivity.CreateSingleUseGrpcTunnelWithContext(
			ctx, context.Background(), l.frontAddress(),
			grpc.WithTransportCredentials(credentials.NewTLS(l.clientTLS())))
		if err != nil {
			return nil, err
		}
		return tunnel.DialContext(ctx, "tcp", address)
	}
}
