#!/bin/bash
# Bazel with as many jobs as this process may use processors, and, where HAWSER_CACHE names a
# folder, with a disk cache in it.
# usage: tools/bazel.sh COMMAND [argument...]
set -euo pipefail
cd "$(dirname "$0")/.."

command=$1
shift
options=()
case $command in
  build | test | run)
    options+=("--jobs=$(nproc)")
    [[ -z ${HAWSER_CACHE:-} ]] || options+=("--disk_cache=$HAWSER_CACHE/bazel")
    ;;
esac
exec bazel "$command" "${options[@]}" "$@"
