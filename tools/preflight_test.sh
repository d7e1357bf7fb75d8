#!/bin/bash
# Machines that lack something, as preflight.sh sees them: other files, other programs.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# A machine that has all, with an empty checkout of its own that was never built.
fresh_machine() {
  rm -rf "${folder:?}"/*
  mkdir -p "$folder"/{bin,root/etc,root/proc/sys/{kernel,user},home,checkout}
  cp -r tools "$folder/checkout"
  local program
  for program in awk bash cat df dirname nproc true; do
    ln -s "$(command -v "$program")" "$folder/bin/$program"
  done
  fake apt-get 0
  fake unshare 0
  fake uname 0 x86_64
  this_is debian 12 "Debian GNU/Linux 12"
  printf 'MemAvailable: 33554432 kB\nSwapFree: 0 kB\n' >"$folder/root/proc/meminfo"
  fake df 0 $'Avail\n99999'
}

this_is() {
  printf 'ID=%s\nVERSION_ID="%s"\nPRETTY_NAME="%s"\n' "$@" >"$folder/root/etc/os-release"
}

# A program that ends with status $2 and says $3.
fake() {
  rm -f "$folder/bin/$1"
  printf '#!/bin/bash\necho "%s" >&%d\nexit %d\n' "${3:-}" $(($2 ? 2 : 1)) "$2" >"$folder/bin/$1"
  chmod +x "$folder/bin/$1"
}

# Expects preflight.sh with the arguments after $2 to end with status $1 and to say text $2.
expect() {
  local wanted=$1 text=$2 said status=0
  shift 2
  said=$(env -i PATH="$folder/bin" HOME="$folder/home" PREFLIGHT_ROOT="$folder/root" \
    "$folder/checkout/tools/preflight.sh" "$@" 2>&1) || status=$?
  if ((status == wanted)) && [[ -n $text && $said == *"$text"* || $text == "$said" ]]; then
    return
  fi
  printf 'preflight %s: status %d, expected %d and "%s":\n%s\n' \
    "$*" "$status" "$wanted" "$text" "$said"
  failures=$((failures + 1))
}

fresh_machine
expect 0 "" demo g++ curl
expect 0 "" lint

rm "$folder/bin/apt-get"
this_is fedora 42 "Fedora Linux 42"
expect 1 "this is Fedora Linux 42, which has no apt-get; the packages are those of Debian 12." \
  demo g++
expect 1 "podman run -it --name hawser --privileged" demo g++
expect 0 "" demo # nothing is missing, wherever it came from
fresh_machine
this_is ubuntu 24.04 "Ubuntu 24.04 LTS"
expect 0 "this is Ubuntu 24.04 LTS; only Debian 12 is tried." build g++

fresh_machine
fake uname 0 aarch64
expect 1 "this is aarch64; only x86-64 (amd64) is built and tried." demo
expect 0 "" lint

fresh_machine
fake unshare 1 "unshare: unshare failed: No space left on device"
expect 1 "unshare: unshare failed: No space left on device" demo
expect 1 "sudo make demo" demo
expect 0 "" build
echo 0 >"$folder/root/proc/sys/user/max_user_namespaces"
expect 1 "sudo sysctl user.max_user_namespaces=10000" demo
echo 1 >"$folder/root/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
expect 1 "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0" demo
fresh_machine
fake unshare 1 "unshare: unshare failed: Operation not permitted"
touch "$folder/root/.dockerenv"
expect 1 "start it with --privileged" demo

fresh_machine
fake df 0 $'Avail\n2048'
expect 1 "2.0 GiB are free in $folder/home/.cache/bazel" build
expect 0 "" lint
mkdir -p "$folder/checkout/bazel-bin/hub" && touch "$folder/checkout/bazel-bin/hub/proxy-server"
expect 0 "" build # it has been built before

fresh_machine
printf 'MemAvailable: 1048576 kB\nSwapFree: 0 kB\n' >"$folder/root/proc/meminfo"
expect 1 "1.0 GiB of memory are free" build
printf 'MemAvailable: 1048576 kB\nSwapFree: 1048576 kB\n' >"$folder/root/proc/meminfo"
fake nproc 0 16
expect 0 "taskset -c 0 make build" build

((failures == 0)) || exit 1
echo "preflight: ok"
