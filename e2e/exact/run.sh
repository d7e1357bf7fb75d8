#!/bin/bash
# Whatever ends a connection, and however slow who reads it: each end gets every byte, or a reset,
# never a part that looks like the whole. Random connections through the real binaries, all at once.
# Everything happens in user, network and mount namespaces of its own; no root is needed, nothing is
# left behind but what Go built for the stage interop, of whose reference the client library and the
# agent take part.
#
# usage: run.sh [--cases=N] [--seed=S] [--only=CASE]     # S and CASE as a failure prints them
# HAWSER_REF_AGENT is another agent of the reference; "none" leaves it out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${HAWSER_BIN:-${here%/e2e/*}/bazel-bin}
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY # all is on this machine

go=$here/../kubernetes/tools/go.sh
built=${HAWSER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/hawser}/interop
mkdir -p "$built"
(cd "$here/../konnectivity" && "$go" build -o "$built/pipe" ./pipe)
reference=${HAWSER_REF_AGENT:-}
if [[ -z $reference ]]; then
  reference=$built/reference-agent
  [[ -x $reference ]] || (cd "$here/../konnectivity/reference" && "$go" build -o "$reference" \
    sigs.k8s.io/apiserver-network-proxy/cmd/agent)
fi
exec unshare --user --map-root-user --net --mount --pid --fork --kill-child \
  env PYTHONPATH="$here/../bad_input" python3 -B "$here/run.py" \
  "$bin" "$built/pipe" "$reference" "$@"
