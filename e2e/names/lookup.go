// Looks a name up with Go's own resolver and prints what came of it as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	resolver := net.Resolver{PreferGo: true}
	addresses, err := resolver.LookupHost(ctx, os.Args[1])
	result := map[string]any{"addresses": addresses}
	var failure *net.DNSError
	if errors.As(err, &failure) {
		result["error"] = "fault"
		if failure.IsNotFound {
			result["error"] = "no such name"
		}
	}
	json.NewEncoder(os.Stdout).Encode(result)
}
