#!/bin/bash
# Formats the C++ and Go sources in place.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' | xargs -0r clang-format-14 -i
git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0r gofmt -w
