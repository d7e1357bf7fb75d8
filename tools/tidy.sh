#!/bin/bash
# Runs clang-tidy over the named files, or over all C++ sources.
set -euo pipefail
cd "$(dirname "$0")/.."

flags=(-std=c++20 -I. -Ibazel-bin -DASIO_STANDALONE -DASIO_NO_DEPRECATED)
files=("$@")
(($#)) || mapfile -t files < <(git ls-files '*.cc')
tools/bazel.sh build --config=release //lib/base:build_info //proto/... # generated headers
printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -I '{}' \
  clang-tidy-14 --quiet --warnings-as-errors='*' '{}' -- "${flags[@]}"
