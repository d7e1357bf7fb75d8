#!/bin/bash
# Looks whether this machine can do what a make target does, and installs the Debian packages that
# are missing for it; says nothing when all is there.
# usage: tools/setup.sh MAKE-TARGET
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/targets.sh
source "$here/targets.sh"
target=${1:?usage: tools/setup.sh MAKE-TARGET}
[[ -n ${groups[$target]:-} ]] || {
  echo "setup: tools/targets.sh has no make target \"$target\"" >&2
  exit 64
}

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Any Go since 1.19 will do: the peer of the interoperability tests names no newer one.
has_go() {
  local minor
  minor=$(go version 2>/dev/null | sed -nE 's/^go version go1\.([0-9]+).*/\1/p')
  [[ -n $minor ]] && ((minor >= 19))
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "setup: not root and no sudo: have them installed, and start again:" >&2
    echo "    su -c 'apt-get update &&" \
      "apt-get install -y --no-install-recommends ${missing[*]}'" >&2
    exit 1
  fi
}

missing=()
for group in ${groups[$target]}; do
  [[ $group == go ]] && has_go && continue
  for package in ${packages[$group]}; do
    is_installed "$package" || [[ " ${missing[*]} " == *" $package "* ]] || missing+=("$package")
  done
done
"$here/preflight.sh" "$target" "${missing[@]}"
((${#missing[@]})) || exit 0

as_root true
echo "setup: installing ${#missing[@]} packages, some minutes: ${missing[*]}"
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
