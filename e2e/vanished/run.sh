#!/bin/bash
# Clients and targets that are gone without a word, as a host that lost power is, or one whose NAT
# forgot the connection: who is at the other end of the tunnel hears of it, a minute later when
# nothing was said and two minutes later when something waits to be acknowledged. Everything happens
# in user, network and mount namespaces of its own; no root is needed, nothing is left behind.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${HAWSER_BIN:-${here%/e2e/*}/bazel-bin}
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY # all is on this machine
exec unshare --user --map-root-user --net --mount --pid --fork --kill-child \
  env PYTHONPATH="$here/../bad_input" python3 -B "$here/run.py" "$bin"
