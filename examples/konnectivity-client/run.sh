#!/bin/bash
# A Go program over Konnectivity's client library and client-go: the kube-apiserver of a cluster, by
# the cluster's name. Here a web server with a kube-apiserver's certificate stands for it.
#
#   konnectivity-client == gRPC, mutual TLS ==> (:8090) proxy-server (:8091)
#                                                          ^
#                                                          | gRPC, mutual TLS
#   openssl s_server as kube-apiserver (:6443) <-- TCP -- proxy-agent
set -uo pipefail

built=${HAWSER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/hawser}/examples
here=$(cd "$(dirname "$0")" && pwd)
if [[ ${1:-} != inside ]]; then # what comes next has no network
  (cd "$here" && ../../e2e/kubernetes/tools/go.sh build -o "$built/konnectivity-client" .) || exit
fi
# shellcheck source=examples/walk.sh
source "$here/../walk.sh"
PATH=$built:$PATH

title "certificates; those of a cluster come from the add-on"
run hawser pki init
run hawser pki server hub --san dns:localhost
run hawser pki server kube-apiserver --san dns:kubernetes.default.svc
run hawser pki agent paris
run hawser pki client alice

title "the hub, and in cluster paris an agent and a kube-apiserver"
echo '{"gitVersion": "v1.35.0-stand-in"}' >version
openssl s_server -quiet -WWW -accept 6443 \
  -cert pki/servers/kube-apiserver/tls.crt -key pki/servers/kube-apiserver/tls.key &
await curl -sfk https://127.0.0.1:6443/version || give_up "s_server does not start"
start proxy-server --agent-identity=certificate \
  --server-ca-cert=pki/ca/clients.crt \
  --server-cert=pki/servers/hub/tls.crt --server-key=pki/servers/hub/tls.key \
  --cluster-ca-cert=pki/ca/agents.crt \
  --cluster-cert=pki/servers/hub/tls.crt --cluster-key=pki/servers/hub/tls.key
start proxy-agent --proxy-server-host=localhost --kube-apiserver=127.0.0.1:6443 \
  --ca-cert=pki/agents/paris/ca.crt \
  --agent-cert=pki/agents/paris/tls.crt --agent-key=pki/agents/paris/tls.key
await curl -sf http://127.0.0.1:8092/readyz || give_up "no agent came"

title "credentials for the kube-apiserver, as its administrators have them; its address is not used"
cat >paris.kubeconfig <<KUBECONFIG
apiVersion: v1
kind: Config
current-context: paris
contexts: [{name: paris, context: {cluster: paris, user: alice}}]
clusters:
  - name: paris
    cluster: {server: "https://10.96.0.1", certificate-authority: pki/ca/servers.crt}
users: [{name: alice, user: {token: of-alice}}]
KUBECONFIG

title "through the tunnel: the cluster's name is all the address there is"
client=(konnectivity-client --hub=localhost:8090 --ca=pki/clients/alice/ca.crt
  --cert=pki/clients/alice/tls.crt --key=pki/clients/alice/tls.key --kubeconfig=paris.kubeconfig)
expect_output '"gitVersion": "v1.35.0-stand-in"' "${client[@]}" paris
expect_failure "no agent" "${client[@]}" tokyo

good "konnectivity-client and client-go"
