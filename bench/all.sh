#!/bin/bash
# Runs all benchmarks, whatever comes of each. Exit code: 0 all goals are met, 1 one is missed, or
# else 2: of one there is no verdict, since the machine was not steady.
here=$(cd "$(dirname "$0")" && pwd)
worst=0
for program in run handshakes wan neighbours; do
  "$here/$program.py"
  code=$?
  echo "$program: exit code $code" >&2
  ((code == 0 || (code == 2 && worst != 0))) || worst=$code
done
exit "$worst"
