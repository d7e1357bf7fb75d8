#!/bin/bash
# Says before anything is installed or built what this machine lacks for a make target, and what to
# do about it. Exits 1 when the target cannot succeed; a lack that only slows it down is told.
# usage: tools/preflight.sh MAKE-TARGET [package that is missing]...
# PREFLIGHT_ROOT is the root of the files that are looked at, for the test.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/targets.sh
source "$here/targets.sh"
target=$1
shift
missing=("$@")
root=${PREFLIGHT_ROOT:-}

build_disk=3     # GiB that packages, objects and programs take
build_memory=1.5 # GiB that Bazel and one compiler take

found=0
# Tells one lack, and in further lines what to do.
lack() {
  printf 'make %s: %s\n' "$target" "$1" >&2
  shift
  (($# == 0)) || printf '    %s\n' "$@" >&2
}
stop() {
  lack "$@"
  found=1
}

setting() { cat "$root/proc/sys/$1" 2>/dev/null; }

in_container="podman run -it --name hawser --privileged -v \"\$PWD\":/src -w /src debian:12 bash
      (or docker), and in it: apt-get update && apt-get install -y git make && make $target
      What was built runs there only; another terminal: podman exec -it hawser bash"

check_distribution() {
  local ID=unknown VERSION_ID='' PRETTY_NAME='an unknown system'
  # shellcheck source=/dev/null
  [[ ! -r $root/etc/os-release ]] || source "$root/etc/os-release"
  if ! command -v apt-get >/dev/null; then
    stop "this is $PRETTY_NAME, which has no apt-get; the packages are those of Debian 12." \
      "In a container: $in_container"
  elif [[ $ID-$VERSION_ID != debian-12 ]]; then
    lack "this is $PRETTY_NAME; only Debian 12 is tried. If packages are missing or the build" \
      "fails, in a container: $in_container"
  fi
}

# Packages are there for others, too, but the compiler's flags and what is tried are not.
check_machine() {
  local machine
  machine=$(uname -m)
  [[ $machine == x86_64 ]] && return
  stop "this is $machine; only x86-64 (amd64) is built and tried." \
    "On a machine of that kind, or in an emulated container: podman run --platform=linux/amd64 ..."
}

check_networks() {
  local error
  error=$(unshare --user --map-root-user --net --mount true 2>&1) && return
  local advice=("Otherwise as root: sudo make $target")
  if [[ $(setting kernel/apparmor_restrict_unprivileged_userns) == 1 ]]; then
    advice=("Allow them: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0" "${advice[@]}")
  elif [[ $(setting kernel/unprivileged_userns_clone) == 0 ]]; then
    advice=("Allow them: sudo sysctl kernel.unprivileged_userns_clone=1" "${advice[@]}")
  elif [[ $(setting user/max_user_namespaces) == 0 ]]; then
    advice=("Allow them: sudo sysctl user.max_user_namespaces=10000")
  elif [[ -e $root/.dockerenv || -e $root/run/.containerenv ]]; then
    advice=("This is a container: start it with --privileged.")
  fi
  stop "networks of its own need user and network namespaces, which are refused here:" \
    "$error" "${advice[@]}"
}

# GiB that are free where the folder is, or where it is going to be.
free_disk() {
  local folder=$1
  until [[ -d $folder ]]; do folder=$(dirname "$folder"); done
  df --output=avail -B1M "$folder" | awk 'NR == 2 { printf "%.1f", $1 / 1024 }'
}

below() { awk -v value="$1" -v limit="$2" 'BEGIN { exit !(value < limit) }'; }

# Nothing is asked of a machine that has built before.
check_build() {
  local base=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/bazel disk memory
  [[ -e $here/../bazel-bin/hub/proxy-server ]] && return
  disk=$(free_disk "$base")
  if below "$disk" "$build_disk"; then
    stop "$disk GiB are free in $base, and a build takes $build_disk." \
      "Free some, or build elsewhere: XDG_CACHE_HOME=/big/folder make $target"
  fi
  memory=$(awk '/^(MemAvailable|SwapFree):/ { kib += $2 } END { printf "%.1f", kib / 1048576 }' \
    "$root/proc/meminfo")
  if below "$memory" "$build_memory"; then
    stop "$memory GiB of memory are free, and Bazel with one compiler takes $build_memory." \
      "End something else, or add swap."
  elif below "$memory" "$(awk "BEGIN { print 1 + $(nproc) * 0.8 }")"; then
    lack "$memory GiB of memory are free, which is little for $(nproc) compilers at once." \
      "If one is killed: taskset -c 0 make $target"
  fi
}

((${#missing[@]} == 0)) || check_distribution
[[ " ${needs[$target]} " != *" networks "* ]] || check_networks
[[ " ${needs[$target]} " != *" build "* ]] || check_machine
[[ " ${needs[$target]} " != *" build "* ]] || check_build
exit "$found"
