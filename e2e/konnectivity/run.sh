#!/bin/bash
# Client x server x agent: ours, the reference's own and peers on grpc-go, in every combination.
# Everything happens in user, network and mount namespaces of its own; no root is needed, nothing is
# left behind but what Go built, in HAWSER_CACHE (or ~/.cache/hawser)/interop.
#
# HAWSER_REF_SERVER and HAWSER_REF_AGENT put other versions of the reference in its place. What the
# arguments match (see main.go) is all that runs: run.sh 'curl.*ours / reference: get'
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bin=${HAWSER_BIN:-${here%/e2e/*}/bazel-bin}
built=${HAWSER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/hawser}/interop

build() {
  local go=${here%/konnectivity}/kubernetes/tools/go.sh
  local module=sigs.k8s.io/apiserver-network-proxy
  mkdir -p "$built"
  cd "$here"
  "$go" build -o "$built/newest" .
  "$go" build -modfile=oldest.mod -tags oldest -o "$built/oldest" .
  "$go" build -o "$built/peer" ./peer
  cd reference
  "$go" build -o "$built/reference-server" "$module/cmd/server"
  "$go" build -o "$built/reference-agent" "$module/cmd/agent"
}

# An address that never answers, and names that nobody has.
make_network() {
  ip link set lo up
  ip link add silence type veth peer name nobody
  ip link set silence up
  ip link set nobody up
  ip address add 10.98.0.1/24 dev silence
  ip neighbour add 10.98.0.2 lladdr 02:00:00:00:00:02 dev silence # not the address of `nobody`
  ip route add 10.99.0.0/16 via 10.98.0.2
  echo 'nameserver 127.0.0.1' >"$work/resolv.conf"
  mount --bind "$work/resolv.conf" "$(realpath /etc/resolv.conf)"
}

matrix() {
  local client=$1
  shift
  "$built/$client" -work "$work" -hawser "$bin" -peer "$built/peer" \
    -reference-server "${HAWSER_REF_SERVER:-$built/reference-server}" \
    -reference-agent "${HAWSER_REF_AGENT:-$built/reference-agent}" "$@" \
    2>>"$work/clients.log" # konnectivity-client reports every connection
}

if [[ ${1:-} != inside ]]; then
  build
  unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY # all is on this machine
  exec unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc \
    "$here/run.sh" inside "$@"
fi
shift

work=$(mktemp -d "${TMPDIR:-/tmp}/hawser-interop.XXXXXX")
make_network
outcome=0
matrix newest -header -only "$*" || outcome=1
matrix oldest -only "$*" || outcome=1
if ((outcome == 0)); then rm -rf "$work"; else echo "logs: $work"; fi
exit "$outcome"
