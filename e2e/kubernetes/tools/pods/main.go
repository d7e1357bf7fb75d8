// What test pods run: `hold` keeps a pod's namespaces as its sandbox, `web` serves its name.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
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

func web(name string) error {
	http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(answer, "web of %s\n", name)
	})
	fmt.Printf("serving the web of %s\n", name)
	return http.ListenAndServe(":8080", nil)
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "hold":
		hold()
	case len(os.Args) == 3 && os.Args[1] == "web":
		fmt.Fprintln(os.Stderr, web(os.Args[2]))
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "usage: pods hold | web NAME")
		os.Exit(64)
	}
}
