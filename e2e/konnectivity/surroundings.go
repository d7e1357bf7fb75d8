package main

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
)

// makeCertificates has `hawser pki` make them, but for the agents': the reference's installations
// have no identity in theirs.
func makeCertificates(o options) error {
	pki := filepath.Join(o.work, "pki")
	for _, args := range [][]string{
		{o.bin.hawser, "pki", "--dir", pki, "init"},
		{o.bin.hawser, "pki", "--dir", pki, "server", "hub", "--san", "ip:127.0.0.1"},
		{o.bin.hawser, "pki", "--dir", pki, "client", "alice"},
		{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
			"-days", "2", "-subj", "/CN=konnectivity-agent",
			"-CA", pki + "/ca/agents.crt", "-CAkey", pki + "/ca/agents.key",
			"-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=clientAuth",
			"-keyout", pki + "/plain-agent.key", "-out", pki + "/plain-agent.crt"},
	} {
		if output, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args[:2], err, output)
		}
	}
	return nil
}

// serveNoNames is the DNS of this namespace: there is no such name.
func serveNoNames() error {
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		return err
	}
	go func() {
		for packet := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if n < 12 {
				continue
			}
			answer := append([]byte(nil), packet[:n]...)
			answer[2] |= 0x80                // a response
			answer[3] = answer[3]&0xf0 | 0x3 // NXDOMAIN
			conn.WriteTo(answer, from)
		}
	}()
	return nil
}
