package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a server or an agent that runs, with its log in a file.
type process struct {
	name   string
	health string // address of /readyz
	admin  string // address of /metrics
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// start runs a command that dies with this program. With `hosts`, the command sees that text as its
// /etc/hosts, which is how one agent can be told from another by where a name leads.
func start(dir, name, hosts string, command []string, args ...string) (*process, error) {
	p := &process{
		name:   name,
		log:    filepath.Join(dir, name+".log"),
		exited: make(chan struct{}),
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if hosts != "" {
		file := filepath.Join(dir, name+".hosts")
		if err := os.WriteFile(file, []byte(hosts), 0o600); err != nil {
			return nil, err
		}
		command = append([]string{"unshare", "--mount", "sh", "-c",
			`mount --bind "$0" /etc/hosts && exec "$@"`, file}, command...)
	}
	p.cmd = exec.Command(command[0], append(command[1:], args...)...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

func (p *process) kill() {
	if p == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// tail is the end of the log, for messages about failures.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > 8 {
		lines = lines[len(lines)-8:]
	}
	return strings.Join(lines, "\n")
}

// readiness is the status of /readyz, 0 when nobody answers.
func (p *process) readiness() int {
	status, _ := page("http://" + p.health + "/readyz")
	return status
}

func (p *process) awaitReadiness(ctx context.Context, ready bool) error {
	what := "not ready"
	if ready {
		what = "ready"
	}
	return await(ctx, fmt.Sprintf("%s to be %s", p.name, what), func() error {
		select {
		case <-p.exited:
			return fmt.Errorf("%s is gone: %s", p.name, p.tail())
		default:
		}
		if status := p.readiness(); status == 0 || (status == 200) != ready {
			return fmt.Errorf("/readyz answers %d", status)
		}
		return nil
	})
}

// await repeats an attempt until it succeeds or the context ends, which the last failure explains.
func await(ctx context.Context, what string, attempt func() error) error {
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var pages = &http.Client{
	Timeout:   3 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
}

func page(url string) (int, string) {
	response, err := pages.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := readAtMost(response.Body, 1<<20)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}
