#!/bin/bash
# Runs every fuzz target for FUZZ_SECONDS (60), starting from its corpus: the inputs of
# //lib/x:foo_fuzz are lib/x/corpus/foo/. New inputs and findings are left in out/fuzz/foo_fuzz/.
# usage: tools/fuzz.sh [target...]
set -euo pipefail
cd "$(dirname "$0")/.."

targets=("$@")
(($#)) || mapfile -t targets < <(bazel query 'attr(tags, "\bfuzz\b", //...)' 2>/dev/null | sort)
tools/bazel.sh build --config=fuzz "${targets[@]}"

failed=0
for target in "${targets[@]}"; do
  package=${target%:*}
  package=${package#//}
  name=${target##*:}
  found=out/fuzz/$name
  mkdir -p "$found"
  echo "fuzz: $target for ${FUZZ_SECONDS:-60} s, log $found.log"
  "bazel-fuzz-bin/$package/$name" -max_total_time="${FUZZ_SECONDS:-60}" \
    -artifact_prefix="$found/" "$found" "$package/corpus/${name%_fuzz}" >"$found.log" 2>&1 || {
    echo "fuzz: $target found something: $found/"
    failed=$((failed + 1))
  }
done
echo "fuzz: ${#targets[@]} targets, $failed with findings"
((failed == 0))
