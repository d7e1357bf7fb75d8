#!/bin/bash
# Name lookups of the real agent beside those of Go and of glibc, with the same files and the same
# name servers, case by case; then names that are not answered beside one that is. Everything
# happens in user, network and mount namespaces of its own; no root is needed, nothing is left
# behind.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY # all is on this machine
unset LOCALDOMAIN RES_OPTIONS
peer=$(mktemp -d)
trap 'rm -rf "$peer"' EXIT
(cd "$here" && CGO_ENABLED=0 go build -o "$peer/lookup" lookup.go)
unshare --user --map-root-user --net --mount --pid --fork --kill-child \
  python3 -B "$here/run.py" "${here%/e2e/*}/bazel-bin" "$peer/lookup"
