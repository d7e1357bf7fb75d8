package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const limit = 60 * time.Second

// scenarios are what a client tries against a server of lib/h2.
var scenarios = map[string]func(context.Context, *grpc.ClientConn) error{
	"echo":          echoVaried,
	"send":          sendBulk,
	"receive":       receiveBulk,
	"fail":          expectStatus("/test.Cc/Fail", codes.NotFound, "no agent for \"paris\" é 100%\n"),
	"unimplemented": expectStatus("/test.Cc/None", codes.Unimplemented, "unknown method /test.Cc/None"),
	"cancel":        cancelCall,
	"deadline":      deadlineCall,
}

func call(creds credentials.TransportCredentials, address, scenario string) error {
	run, ok := scenarios[scenario]
	if !ok {
		return fmt.Errorf("unknown scenario %q", scenario)
	}
	conn, err := grpc.Dial(address, grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{})))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return run(ctx, conn)
}

func open(ctx context.Context, conn *grpc.ClientConn, method string) (grpc.ClientStream, error) {
	return conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
}

// echoVaried sends and receives 1 MiB in messages of 0 to 4 kB.
func echoVaried(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := open(metadata.AppendToOutgoingContext(ctx, "agentID", "paris"), conn, "/test.Cc/Echo")
	if err != nil {
		return err
	}
	for size, total := 0, 0; total < 1<<20; total += size {
		size = (size*7 + 13) % 4000
		message := bytes.Repeat([]byte{byte(size)}, size)
		if err := stream.SendMsg(&message); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		var answer []byte
		if err := stream.RecvMsg(&answer); err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if !bytes.Equal(answer, message) {
			return fmt.Errorf("message of %d bytes came back as %d bytes", len(message), len(answer))
		}
	}
	header, err := stream.Header()
	if err != nil {
		return err
	}
	if got := header.Get("serverid"); len(got) != 1 || got[0] != "paris" {
		return fmt.Errorf("serverid is %q", got)
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return expectEnd(stream)
}

func expectEnd(stream grpc.ClientStream) error {
	var message []byte
	if err := stream.RecvMsg(&message); err != io.EOF {
		return fmt.Errorf("end of the call: %v", err)
	}
	return nil
}

func sendBulk(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := open(ctx, conn, "/test.Cc/Receive")
	if err != nil {
		return err
	}
	if err := sendPattern(stream.SendMsg); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return expectEnd(stream)
}

func receiveBulk(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := open(ctx, conn, "/test.Cc/Send")
	if err != nil {
		return err
	}
	return receivePattern(stream.RecvMsg)
}

func expectStatus(method string, code codes.Code, message string) func(context.Context, *grpc.ClientConn) error {
	return func(ctx context.Context, conn *grpc.ClientConn) error {
		stream, err := open(ctx, conn, method)
		if err != nil {
			return err
		}
		var answer []byte
		got, _ := status.FromError(stream.RecvMsg(&answer))
		if got.Code() != code || got.Message() != message {
			return fmt.Errorf("status is %v %q", got.Code(), got.Message())
		}
		return nil
	}
}

// cancelCall cancels once the server has answered; the server's side is checked by the test.
func cancelCall(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := open(ctx, conn, "/test.Cc/Wait")
	if err != nil {
		return err
	}
	if _, err := stream.Header(); err != nil {
		return err
	}
	cancel()
	return expectCode(stream, codes.Canceled)
}

func deadlineCall(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	stream, err := open(ctx, conn, "/test.Cc/Wait")
	if err != nil {
		return err
	}
	return expectCode(stream, codes.DeadlineExceeded)
}

func expectCode(stream grpc.ClientStream, code codes.Code) error {
	var answer []byte
	if err := stream.RecvMsg(&answer); status.Code(err) != code {
		return fmt.Errorf("ended with %v instead of %v", err, code)
	}
	return nil
}
