package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"slices"
	"sync"
	"time"
)

// splice carries bytes both ways until one side ends.
func splice(a, b net.Conn) {
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
	a.Close()
	b.Close()
	<-done
}

// balancer leads each connection to a random one of its servers.
type balancer struct {
	listener net.Listener
	mu       sync.Mutex
	ports    []int
}

func newBalancer() (*balancer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{listener: listener}
	go serveEach(listener, func(conn net.Conn) {
		if to, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.pick())); err == nil {
			splice(conn, to)
		}
	})
	return b, nil
}

func (b *balancer) pick() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ports[rand.Intn(len(b.ports))]
}

func (b *balancer) add(port int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ports = append(b.ports, port)
}

func (b *balancer) remove(port int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ports = slices.DeleteFunc(b.ports, func(p int) bool { return p == port })
}

func (b *balancer) Close() error { return b.listener.Close() }

// tapALPN forwards TLS connections as they are and reports the protocols that each one offers.
func tapALPN(to string, seen chan<- []string) (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go serveEach(listener, func(conn net.Conn) {
		tapped := &recorder{Conn: conn}
		err := tls.Server(tapped, &tls.Config{
			GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				select {
				case seen <- hello.SupportedProtos:
				default:
				}
				return nil, errHelloRead
			},
		}).Handshake()
		if !errors.Is(err, errHelloRead) {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		server.Write(tapped.read.Bytes())
		splice(conn, server)
	})
	return listener, nil
}

var errHelloRead = errors.New("the hello is read")

// recorder lets a TLS server read a hello and keeps what it read; nothing is written.
type recorder struct {
	net.Conn
	read bytes.Buffer
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.read.Write(b[:n])
	return n, err
}

func (*recorder) Write(b []byte) (int, error)      { return len(b), nil }
func (*recorder) Close() error                     { return nil }
func (*recorder) SetDeadline(time.Time) error      { return nil }
func (*recorder) SetReadDeadline(time.Time) error  { return nil }
func (*recorder) SetWriteDeadline(time.Time) error { return nil }
