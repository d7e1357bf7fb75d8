#!/bin/bash
# The gRPC front end over mutual TLS.
#
#   proxy-test-client == gRPC, mutual TLS ==> (:8090) proxy-server (:8091)
#                                                        ^
#                                                        | gRPC, mutual TLS
#                 http-test-server (:8000) <-- TCP -- proxy-agent
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
start proxy-server --agent-identity=asserted \
  --server-ca-cert=pki/ca/clients.crt \
  --server-cert=pki/servers/hub/tls.crt --server-key=pki/servers/hub/tls.key \
  --cluster-ca-cert=pki/ca/agents.crt \
  --cluster-cert=pki/servers/hub/tls.crt --cluster-key=pki/servers/hub/tls.key
start proxy-agent --ca-cert=pki/agents/paris/ca.crt \
  --agent-cert=pki/agents/paris/tls.crt --agent-key=pki/agents/paris/tls.key
await curl -sf http://127.0.0.1:8092/readyz || give_up "no agent came"

title "through the tunnel: a page, three at once, and a port where nobody listens"
client=(proxy-test-client --ca-cert=pki/clients/alice/ca.crt
  --client-cert=pki/clients/alice/tls.crt --client-key=pki/clients/alice/tls.key)
expect_output "<title>Success</title>" "${client[@]}"
expect_output "<title>Success</title>" "${client[@]}" --request-path=sleep?time=1 --test-requests=3
[[ $(grep -c "<title>Success</title>" <<<"$shown") == 3 ]] || give_up "some are missing"
expect_failure "connection refused" "${client[@]}" --request-port=8001

title "a client without a certificate of the clients' authority"
expect_failure "certificate required" proxy-test-client --ca-cert=pki/clients/alice/ca.crt

good "gRPC over mutual TLS"
