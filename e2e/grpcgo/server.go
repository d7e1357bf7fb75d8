package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const bulkBytes = 64 << 20

// serve answers calls on a free port until standard input ends.
func serve(creds credentials.TransportCredentials) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(
		grpc.Creds(creds),
		grpc.ForceServerCodec(rawCodec{}),
		// What the reference's servers permit.
		grpc.KeepaliveEnforcementPolicy(
			keepalive.EnforcementPolicy{MinTime: 30 * time.Second, PermitWithoutStream: true}),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			method, _ := grpc.MethodFromServerStream(stream)
			return answer(method, stream)
		}),
	)
	fmt.Println("listening", listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

func answer(method string, stream grpc.ServerStream) error {
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	if id := incoming.Get("agentid"); len(id) > 0 {
		if err := stream.SetHeader(metadata.Pairs("serverID", id[0])); err != nil {
			return err
		}
	}
	switch method {
	case "/test.Go/Fail":
		return status.Error(codes.NotFound, "no agent for \"paris\" é 100%\n")
	case "/test.Go/Echo":
		if err := stream.SendHeader(nil); err != nil {
			return err
		}
		return echo(stream)
	case "/test.Go/Send":
		return sendPattern(stream.SendMsg)
	case "/test.Go/Receive":
		return receivePattern(stream.RecvMsg)
	case "/test.Go/Wait":
		if err := stream.SendHeader(nil); err != nil {
			return err
		}
		<-stream.Context().Done()
		fmt.Println("cancelled")
		return stream.Context().Err()
	}
	return status.Error(codes.Unimplemented, "unknown method "+method)
}

func echo(stream grpc.ServerStream) error {
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

// sendPattern sends bulkBytes bytes of the pattern in messages of varied length.
func sendPattern(send func(any) error) error {
	for offset := uint64(0); offset < bulkBytes; {
		size := 1 + offset%30011
		if size > bulkBytes-offset {
			size = bulkBytes - offset
		}
		message := make([]byte, size)
		for i := range message {
			message[i] = patternByte(offset + uint64(i))
		}
		if err := send(&message); err != nil {
			return err
		}
		offset += size
	}
	return nil
}

// receivePattern expects bulkBytes bytes of the pattern and then the end.
func receivePattern(receive func(any) error) error {
	var offset uint64
	for {
		var message []byte
		if err := receive(&message); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		for _, b := range message {
			if b != patternByte(offset) {
				return status.Errorf(codes.DataLoss, "wrong byte at %d", offset)
			}
			offset++
		}
	}
	if offset != bulkBytes {
		return status.Errorf(codes.DataLoss, "%d bytes instead of %d", offset, bulkBytes)
	}
	return nil
}
