package main

import (
	"context"
	"fmt"
	"net"
)

// Many dials on one connection to the front end, as the newest konnectivity-client makes them.

const (
	thousand = 1000
	atOnce   = 50 // dials that wait for their answers
)

func shares(c *cell) bool { return c.client.connect != nil }

// thousandDials holds as many connections at once, and each of them carries bytes.
func thousandDials(ctx context.Context, c *cell) error {
	dial, transport, err := c.client.connect(ctx)
	if err != nil {
		return err
	}
	defer transport.Close()
	conns := make([]net.Conn, thousand)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	err = all(atOnce, func(worker int) error {
		for i := worker; i < thousand; i += atOnce {
			conn, err := dial(ctx, local(c.target.echo))
			if err != nil {
				return fmt.Errorf("dial %d: %w", i, err)
			}
			conns[i] = conn
		}
		return nil
	})
	if err != nil {
		return err
	}
	return all(atOnce, func(worker int) error {
		for i := worker; i < thousand; i += atOnce {
			if err := expectEcho(conns[i]); err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
		}
		return nil
	})
}
