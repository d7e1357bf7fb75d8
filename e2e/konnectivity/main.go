// interop runs every behaviour that konnectivity's users rely on through every combination of
// client, server and agent: ours, the reference's own, and peers on grpc-go (peer/).
//
//	interop -work DIR -hawser DIR -reference-server FILE -reference-agent FILE -peer FILE
//	        [-only REGEXP] [-header]
//
// It is linked with one version of konnectivity-client, the newest, or with -tags oldest the oldest
// one that builds, and is meant to run as root of network and mount namespaces of its own (run.sh).
// A line per cell says how many behaviours held; those that did not follow by name. Where
// no part is ours a failure is the reference's own affair: it is shown and nothing more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

type options struct {
	work     string
	bin      binaries
	only     *regexp.Regexp
	header   bool
	parallel int
}

func main() {
	o := parseFlags()
	if err := setUp(o); err != nil {
		fmt.Println("interop:", err)
		os.Exit(2)
	}
	if !runMatrix(o) {
		os.Exit(1)
	}
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.work, "work", "", "folder for certificates and logs")
	hawser := flag.String("hawser", "", "folder with hub/, spoke/ and cli/ of ours")
	theirServer := flag.String("reference-server", "", "the reference's server")
	theirAgent := flag.String("reference-agent", "", "the reference's agent")
	peer := flag.String("peer", "", "the peer on grpc-go")
	only := flag.String("only", "", "cells and behaviours, as in 'curl.*ours/reference: get'")
	flag.BoolVar(&o.header, "header", false, "print the head of the table")
	flag.IntVar(&o.parallel, "parallel", 4, "labs at the same time")
	flag.Parse()
	o.only = regexp.MustCompile(*only)
	o.bin = binaries{
		server: map[string][]string{
			ours: {*hawser + "/hub/proxy-server"}, reference: {*theirServer}, goPeer: {*peer, "server"}},
		agent: map[string][]string{
			ours: {*hawser + "/spoke/proxy-agent"}, reference: {*theirAgent}, goPeer: {*peer, "agent"}},
		hawser: *hawser + "/cli/hawser",
	}
	return o
}

// row is a cell of the matrix, by names: its labs come and go.
type row struct {
	client, server, agent string
	ours                  bool
	held                  int
	failed                []string
}

func (r *row) name() string { return r.client + " -> " + r.server + " / " + r.agent }

// unit is what runs in one lab.
type unit struct {
	row        *row
	index      int // of the client
	behaviours []behaviour
}

func runMatrix(o options) bool {
	started := time.Now()
	rows, units := plan(o)
	run(o, units)
	if o.header {
		fmt.Printf("%-28s %-10s %-10s %5s %7s\n", "client", "server", "agent", "held", "failed")
	}
	held, broken := 0, 0
	for _, r := range rows {
		held += r.held
		note := ""
		if len(r.failed) > 0 && !r.ours {
			note = "  (no part is ours)"
		} else {
			broken += len(r.failed)
		}
		fmt.Printf("%-28s %-10s %-10s %5d %7d%s\n",
			r.client, r.server, r.agent, r.held, len(r.failed), note)
		for _, failure := range r.failed {
			fmt.Printf("    %s\n", failure)
		}
	}
	fmt.Printf("%d cells, %d behaviours held, %d failed where a part is ours, %d s\n",
		len(rows), held, broken, int(time.Since(started).Seconds()))
	return broken == 0
}

func plan(o options) ([]*row, []unit) {
	var rows []*row
	var units []unit
	kinds := []string{ours, reference, goPeer}
	for index, client := range linkedClients(nil) {
		for _, server := range kinds {
			for _, agent := range kinds {
				r := &row{client: client.name, server: server, agent: agent,
					ours: client.ours || server == ours || agent == ours}
				c := &cell{lab: &lab{serverKind: server, agentKind: agent}, client: client}
				shared := unit{row: r, index: index}
				var own []unit
				for _, b := range behaviours() {
					if b.applies != nil && !b.applies(c) ||
						!o.only.MatchString(r.name()+": "+b.name) {
						continue
					}
					if b.ownLab {
						own = append(own, unit{r, index, []behaviour{b}})
					} else {
						shared.behaviours = append(shared.behaviours, b)
					}
				}
				if len(shared.behaviours) > 0 {
					own = append(own, shared)
				}
				if len(own) > 0 {
					rows = append(rows, r)
					units = append(units, own...)
				}
			}
		}
	}
	return rows, units
}

func run(o options, units []unit) {
	queue := make(chan unit)
	var workers sync.WaitGroup
	var results sync.Mutex
	for range o.parallel {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for u := range queue {
				u.run(o, &results)
			}
		}()
	}
	for _, u := range units {
		queue <- u
	}
	close(queue)
	workers.Wait()
}

func (u unit) run(o options, results *sync.Mutex) {
	dir := ""
	report := func(behaviour string, err error) {
		results.Lock()
		defer results.Unlock()
		if err == nil {
			u.row.held++
		} else {
			u.row.failed = append(u.row.failed,
				fmt.Sprintf("%s: %s (logs: %s)", behaviour,
					strings.ReplaceAll(err.Error(), "\n", "\n      "), filepath.Base(dir)))
		}
	}
	front := linkedClients(nil)[u.index].front
	l, err := newLab(o.work, o.bin, u.row.server, u.row.agent, front)
	if err != nil {
		report("laboratory", err)
		return
	}
	defer l.close()
	dir = l.dir
	c := &cell{l, linkedClients(l)[u.index]}
	if !u.behaviours[0].ownLab {
		if err := l.startAll(context.Background(), 2); err != nil {
			report("start", err)
			return
		}
	}
	for _, b := range u.behaviours {
		// What one behaviour leaves at the target is not the next one's.
		if err := l.renewTarget(); err != nil {
			report(b.name, err)
			return
		}
		err := bounded(b, c)
		report(b.name, err)
	}
}

// bounded gives up on a behaviour that hangs, whatever it hangs in.
func bounded(b behaviour, c *cell) error {
	ctx, cancel := context.WithTimeout(context.Background(), behaviourLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- b.run(ctx, c) }()
	select {
	case err := <-done:
		return err
	case <-time.After(behaviourLimit + time.Second):
		return errors.New("hangs")
	}
}

// setUp makes the certificates, and a name server that knows no name.
func setUp(o options) error {
	if err := os.MkdirAll(o.work, 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(o.work, "pki")); err != nil {
		if err := makeCertificates(o); err != nil {
			return err
		}
	}
	return serveNoNames()
}
