#!/bin/bash
# Builds, optimised, what make targets need of our own, under bazel-bin/.
# usage: tools/build.sh MAKE-TARGET...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/targets.sh
source "$here/targets.sh"
labels=()
for target in "$@"; do
  for label in ${builds[$target]}; do labels+=("$label"); done
done
echo "building with Bazel: a quarter of an hour on two cores the first time, then seconds"
progress=--noshow_progress
[[ ! -t 2 ]] || progress=--show_progress # which is on stderr
exec "$here/bazel.sh" build --config=release "$progress" "${labels[@]}"
