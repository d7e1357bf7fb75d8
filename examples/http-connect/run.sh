#!/bin/bash
# The HTTP-CONNECT front end, which any HTTP client can use: over mutual TLS and on a Unix socket.
#
#   curl, proxy-test-client == CONNECT, mutual TLS ==> (:8090)
#   proxy-test-client == CONNECT ==> (uds-proxy) proxy-server (:8091)
#                                                   ^
#                                                   | gRPC, mutual TLS
#            http-test-server (:8000) <-- TCP -- proxy-agent
set -uo pipefail
# shellcheck source=examples/walk.sh
source "$(dirname "$0")/../walk.sh"

title "certificates: one authority for servers, one for agents, one for clients"
run hawser pki init
run hawser pki server hub --san dns:localhost --san ip:127.0.0.1
run hawser pki agent paris
run hawser pki client alice

title "the destination, the proxy-server, and an agent that dials it"
start http-test-server
start proxy-server --mode=http-connect --uds-name=uds-proxy --agent-identity=asserted \
  --server-ca-cert=pki/ca/clients.crt \
  --server-cert=pki/servers/hub/tls.crt --server-key=pki/servers/hub/tls.key \
  --cluster-ca-cert=pki/ca/agents.crt \
  --cluster-cert=pki/servers/hub/tls.crt --cluster-key=pki/servers/hub/tls.key
start proxy-agent --ca-cert=pki/agents/paris/ca.crt \
  --agent-cert=pki/agents/paris/tls.crt --agent-key=pki/agents/paris/tls.key
await curl -sf http://127.0.0.1:8092/readyz || give_up "no agent came"

title "over mutual TLS: curl, and the test client"
curl=(curl -sS --proxytunnel --proxy https://127.0.0.1:8090
  --proxy-cacert pki/clients/alice/ca.crt
  --proxy-cert pki/clients/alice/tls.crt --proxy-key pki/clients/alice/tls.key)
expect_output "<title>Success</title>" "${curl[@]}" http://localhost:8000/success
expect_failure 502 "${curl[@]}" http://localhost:8001/success
expect_output "<title>Success</title>" proxy-test-client --mode=http-connect \
  --proxy-host=127.0.0.1 --ca-cert=pki/clients/alice/ca.crt \
  --client-cert=pki/clients/alice/tls.crt --client-key=pki/clients/alice/tls.key

title "on the Unix socket: the test client"
client=(proxy-test-client --mode=http-connect --proxy-port=0 --proxy-uds=uds-proxy --proxy-host=)
expect_output "<title>Success</title>" "${client[@]}"
expect_failure "connection refused" "${client[@]}" --request-port=8001

good "HTTP-CONNECT over mutual TLS and over a Unix socket"
