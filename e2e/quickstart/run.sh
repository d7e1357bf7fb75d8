#!/bin/bash
# README's commands, as they stand there, pasted at once into a fresh shell: one that runs a script,
# and an interactive one; then a second terminal, and the commands once more. The first command
# builds; the others happen in user, network and process namespaces of their own, so that their
# ports are free, no root is needed and nothing is left.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

if [[ ${1:-} == inside ]]; then
  block=$2
  shift 2
  ip link set lo up || exit
  bash --noprofile --norc "$@" <"$block" >"$TMPDIR/said" 2>&1
  status=$?
  cat "$TMPDIR/said"
  echo "== another terminal"
  env -i bash -c "$(sed -n 's/^in another terminal: //p' "$TMPDIR"/said); hawser get clusters" 2>&1
  echo "== once more"
  bash --noprofile --norc "$@" <"$block" 2>&1
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

# Pastes the block into bash with the given options and shows what it says, which must end well. The
# second time a hub runs already, whose page must not be taken for the new one's.
paste_into() {
  local said first again status=0
  said=$(env -i HOME="$work" TMPDIR="$(mktemp -d "$work/XXXXXX")" PATH="$path" \
    unshare --user --map-root-user --net --pid --fork --kill-child \
    e2e/quickstart/run.sh inside "$work/block" "$@") || status=$?
  printf '== bash %s\n%s\n' "$*" "$said"
  first=${said%%== once more*} again=${said##*== once more}
  ((status == 0)) && (($(grep -c '^paris .* Ready ' <<<"$first") == 2)) &&
    grep -q "$page" <<<"$first" && ! grep -qi 'error\|fail' <<<"$first" &&
    grep -q '^a hub runs here already' <<<"$again" && ! grep -q "$page" <<<"$again" && return
  echo "quickstart: bash $* ended with status $status, without a page or with an old one"
  return 1
}

path=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
page='<title>Success</title>'
paste_into -s && paste_into -i -s && echo "quickstart: ok"
