#!/bin/bash
# README's commands, as they stand there, pasted at once into a fresh shell: one that runs a script,
# and an interactive one. The first command builds; the others happen in user, network and process
# namespaces of their own, so that their ports are free, no root is needed and nothing is left.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

if [[ ${1:-} == inside ]]; then
  shift
  ip link set lo up || exit
  bash --noprofile --norc "$@" 2>&1
  status=$?
  kill -KILL -1 # all that the commands have left running
  exit $status
fi

# The indented lines of the section "Using it".
block() { sed -n '/^## Using it/,/^## Building/s/^    //p' README.md; }

first=$(block | head -n 1)
[[ $first == "make build" ]] || {
  echo "quickstart: README begins with \"$first\", not with the build"
  exit 1
}
make build || exit

work=$(mktemp -d "${TMPDIR:-/tmp}/hawser-quickstart.XXXXXX")
trap 'rm -rf "$work"' EXIT
block | tail -n +2 >"$work/block"

# Pastes the block into bash with the given options and shows what it says, which must end well.
paste_into() {
  local said status=0
  said=$(env -i HOME="$work" TMPDIR="$work" PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
    unshare --user --map-root-user --net --pid --fork --kill-child \
    e2e/quickstart/run.sh inside "$@" <"$work/block") || status=$?
  printf '== bash %s\n%s\n' "$*" "$said"
  ((status == 0)) && grep -q '^paris .* Ready ' <<<"$said" &&
    grep -q '<title>Success</title>' <<<"$said" && ! grep -qi 'error\|fail' <<<"$said" && return
  echo "quickstart: bash $* ended with status $status, or without a page from paris"
  return 1
}

paste_into -s && paste_into -i -s && echo "quickstart: ok"
