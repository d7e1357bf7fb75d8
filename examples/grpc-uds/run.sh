#!/bin/bash
# The gRPC front end on a Unix socket, as kube-apiserver uses it on the machine they share. Nothing
# listens on TCP for clients; who may use the socket is a matter of its file permissions.
#
#   proxy-test-client == gRPC ==> (uds-proxy) proxy-server (:8091)
#                                                ^
#                                                | gRPC, mutual TLS
#         http-test-server (:8000) <-- TCP -- proxy-agent
set -uo pipefail
# shellcheck source=examples/walk.sh
source "$(dirname "$0")/../walk.sh"

title "certificates: one authority for servers, one for agents"
run hawser pki init
run hawser pki server hub --san dns:localhost --san ip:127.0.0.1
run hawser pki agent paris

title "the destination, the proxy-server, and an agent that dials it"
start http-test-server
start proxy-server --agent-identity=asserted --server-port=0 --uds-name=uds-proxy \
  --cluster-ca-cert=pki/ca/agents.crt \
  --cluster-cert=pki/servers/hub/tls.crt --cluster-key=pki/servers/hub/tls.key
start proxy-agent --ca-cert=pki/agents/paris/ca.crt \
  --agent-cert=pki/agents/paris/tls.crt --agent-key=pki/agents/paris/tls.key
await curl -sf http://127.0.0.1:8092/readyz || give_up "no agent came"

title "through the tunnel: a page, and a server that hangs up"
run ls -l uds-proxy
client=(proxy-test-client --proxy-port=0 --proxy-uds=uds-proxy --proxy-host=)
expect_output "<title>Success</title>" "${client[@]}"
expect_failure "ended before the answer" "${client[@]}" --request-path=close

good "gRPC over a Unix socket"
