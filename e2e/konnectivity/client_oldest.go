//go:build oldest

package main

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	konnectivity "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/pkg/client"
)

// The oldest konnectivity-client that builds: its dials know no context, its connections neither
// deadlines nor addresses, and it never lets go of its transport, which closing does here.
func linkedClients(l *lab) []*client {
	return []*client{{name: "konnectivity-client v0.0.7", front: frontGRPC, dial: dialOldest(l)}}
}

type oldestConn struct {
	net.Conn
	transport *net.Conn
}

func (c oldestConn) Close() error {
	err := c.Conn.Close()
	(*c.transport).Close()
	return err
}

func dialOldest(l *lab) dialFunc {
	return func(_ context.Context, address string) (net.Conn, error) {
		transport := new(net.Conn)
		tunnel, err := konnectivity.CreateGrpcTunnel(l.frontAddress(),
			grpc.WithTransportCredentials(credentials.NewTLS(l.clientTLS())),
			grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
				*transport = conn
				return conn, err
			}))
		if err != nil {
			return nil, err
		}
		conn, err := tunnel.Dial("tcp", address)
		if err != nil {
			(*transport).Close()
			return nil, err
		}
		return oldestConn{conn, transport}, nil
	}
}
