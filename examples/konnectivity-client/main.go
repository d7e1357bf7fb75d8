// Asks the kube-apiserver of a managed cluster for its version, through the hub: client-go over
// Konnectivity's own client library. The cluster's name is all the address there is.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	konnectivity "sigs.k8s.io/apiserver-network-proxy/konnectivity-client/pkg/client"
)

const timeout = 10 * time.Second

func main() {
	hub := flag.String("hub", "localhost:8090", "host:port of the hub's gRPC front end")
	ca := flag.String("ca", "ca.crt", "who signed the hub's certificate")
	cert := flag.String("cert", "tls.crt", "certificate of a client of the hub")
	key := flag.String("key", "tls.key", "its key")
	kubeconfig := flag.String("kubeconfig", "",
		"credentials for the cluster's kube-apiserver, and who signed its certificate")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: konnectivity-client [flags] CLUSTER")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(64)
	}
	credentials, err := hubCredentials(*ca, *cert, *key)
	if err == nil {
		err = printVersion(flag.Arg(0), *kubeconfig, dialer(*hub, credentials))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "konnectivity-client:", err)
		os.Exit(1)
	}
}

func hubCredentials(ca, cert, key string) (credentials.TransportCredentials, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", ca)
	}
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return credentials.NewTLS(config), nil
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// A tunnel of konnectivity-client carries one connection, so each dial makes one.
func dialer(hub string, credentials credentials.TransportCredentials) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// The tunnel outlives the dial: it ends with its connection.
		tunnel, err := konnectivity.CreateSingleUseGrpcTunnelWithContext(
			ctx, context.Background(), hub, grpc.WithTransportCredentials(credentials))
		if err != nil {
			return nil, fmt.Errorf("hub %s: %w", hub, err)
		}
		conn, err := tunnel.DialContext(ctx, network, address)
		if err != nil {
			return nil, fmt.Errorf("dial %s: %w", address, err)
		}
		return conn, nil
	}
}

func printVersion(cluster, kubeconfig string, dial dialFunc) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.Host = "https://" + cluster
	config.Dial = dial
	config.Timeout = timeout
	// The name of the cluster is the hub's affair; this one is in every kube-apiserver's certificate.
	config.TLSClientConfig.ServerName = "kubernetes.default.svc"
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	response, err := client.Get(config.Host + "/version")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the kube-apiserver of %s answers %s", cluster, response.Status)
	}
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}
