#!/bin/bash
# House rules that a machine can check. Prints each violation; exits 1 when there is one.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

# The files of the checkout that match the patterns, those not yet added included.
sources() {
  local path
  git ls-files --cached --others --exclude-standard -- "$@" | while read -r path; do
    [[ -f $path ]] && printf '%s\n' "$path"
  done
}

failed=0
# Fails with `what` when the command after it prints anything.
expect_silence() {
  local what=$1 output
  shift
  output=$("$@" 2>&1)
  [[ -z $output ]] && return
  printf 'lint: %s\n%s\n' "$what" "$output"
  failed=$((failed + 1))
}

# grep over the named patterns' files; no file, no output.
grep_in() {
  local expression=$1
  shift
  sources "$@" | xargs -r grep -nHE -- "$expression"
}

format() { sources '*.cc' '*.h' | xargs -r clang-format-14 --dry-run --Werror 2>&1 | grep error:; }
go_format() { sources '*.go' | xargs -r gofmt -l; }
shell() { sources '*.sh' .ci/run | xargs -r shellcheck -x; }
python() { sources '*.py' | xargs -r python3 -c '
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path).read(), path)'; }

too_long() {
  local path limit lines
  sources '*.cc' '*.h' '*.go' '*.py' '*.sh' '*.bzl' '*.proto' | while read -r path; do
    limit=600
    [[ $path == *_test.* ]] && limit=800
    lines=$(wc -l <"$path")
    ((lines <= limit)) || echo "$path: $lines lines, at most $limit"
  done
}

# Files where OpenSSL or cpp-httplib makes a context, and nobody restricts its key exchange.
lenient_tls() {
  sources '*.cc' '*.h' ':!*_test.cc' ':!lib/kube/fake_*' |
    xargs -r grep -lE 'SSL_CTX_new|\bSSL(Client|Server)\b' | xargs -r grep -L 'RestrictKeyExchange'
}

code=('*.cc' '*.h' '*.go' '*.py' '*.sh' '*.bzl' '*.bazel' '*.proto')
tests=('*_test.cc' 'lib/testing/*')

expect_silence "clang-format (run make fmt)" format
expect_silence "gofmt (run make fmt)" go_format
expect_silence "shellcheck" shell
expect_silence "python does not parse" python
expect_silence "chart's README" charts/readme.py --check
expect_silence "files too long" too_long
expect_silence "lines longer than 100 columns" \
  grep_in '^.{101,}$' '*.cc' '*.h' '*.py' '*.sh' '*.bzl'
expect_silence "trailing spaces" grep_in '[[:space:]]+$' "${code[@]}" '*.md' Makefile .ci/run
expect_silence "unfinished work" grep_in '\b(TO''DO|FIX''ME|XX''X)\b' "${code[@]}" Makefile .ci/run
expect_silence "tests that sleep" \
  grep_in '\b(sleep_for|sleep_until|usleep|nanosleep|sleep|absl::SleepFor)\(' "${tests[@]}"
expect_silence "tests that skip" grep_in 'GTEST_SK''IP|DISA''BLED_' "${tests[@]}"
expect_silence "SSL_CTX_new outside lib/net/tls_context.cc" grep_in '\bSSL_CTX_new' \
  '*.cc' '*.h' ':!*_test.cc' ':!lib/net/tls_context.cc'
expect_silence "TLS contexts that keep OpenSSL's key exchange" lenient_tls
expect_silence "headers without #pragma once" \
  bash -c 'git ls-files "*.h" | xargs -r grep -L "^#pragma once"'
expect_silence "gRPC or absl::Mutex below lib/control" \
  grep_in '#include.*(grpcpp/|absl/synchronization/)' 'lib/net/*' 'lib/tunnel/*' 'lib/base/*' \
  'lib/kube/*'

if ((failed)); then
  echo "lint: $failed rules broken"
  exit 1
fi
echo "lint: ok"
