#!/bin/bash
# Puts the built image archives into out/images and says what they are.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p out/images
for archive in bazel-bin/images/*.tar; do
  name=$(basename "$archive" .tar)
  install -m 644 "$archive" "out/images/$name.tar"
  digest=$(tar -xOf "$archive" index.json | sed -E 's/.*"digest": "([^"]+)".*/\1/')
  echo "out/images/$name.tar  $(($(stat -Lc %s "$archive") >> 20)) MiB  $digest"
done
