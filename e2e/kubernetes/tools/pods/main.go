// What test pods run: `hold` keeps a pod's namespaces as its sandbox, `web` serves its name and, at
// /drip?seconds=N, an answer that takes that long, `get` prints what a URL leads to.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// hold waits for the pod's end and collects the orphans of its containers meanwhile.
func hold() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
				break
			}
		}
	}
}

// drip sends a tick each tenth of a second, in an answer whose end can be told from a cut.
func drip(answer http.ResponseWriter, request *http.Request) {
	seconds, err := strconv.Atoi(request.FormValue("seconds"))
	if err != nil {
		http.Error(answer, "how many seconds?", http.StatusBadRequest)
		return
	}
	for tick := 0; tick < 10*seconds; tick++ {
		fmt.Fprintf(answer, "%d\n", tick)
		answer.(http.Flusher).Flush()
		time.Sleep(100 * time.Millisecond)
	}
}

func web(name string) error {
	http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(answer, "web of %s\n", name)
	})
	http.HandleFunc("/drip", drip)
	fmt.Printf("serving the web of %s\n", name)
	return http.ListenAndServe(":8080", nil)
}

func get(url string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "hold":
		hold()
		return nil
	case len(arguments) == 2 && arguments[0] == "web":
		return web(arguments[1])
	case len(arguments) == 2 && arguments[0] == "get":
		return get(arguments[1])
	}
	return fmt.Errorf("usage: pods hold | web NAME | get URL")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
