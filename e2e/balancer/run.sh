#!/bin/bash
# What networks, balancers and hubs do to agents, done to the real binaries: when it is over every
# agent is back without a restart, and meanwhile it asked no more often than is polite. Everything
# happens in user, network and mount namespaces of its own; no root is needed, nothing is left
# behind but out/balancer.json. With HAWSER_REF_SERVER and HAWSER_REF_AGENT the reference's go
# through the same.
#
# usage: run.sh [--fault SECONDS] [--rounds N] [--only WORD] [--output FILE]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY # all is on this machine
exec unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc \
  python3 -B "$here/run.py" "${HAWSER_BIN:-${here%/e2e/*}/bazel-bin}" "$@"
