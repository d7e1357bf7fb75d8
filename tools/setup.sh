#!/bin/bash
# Installs the Debian packages that are missing; says nothing when there are none.
# usage: tools/setup.sh [group...]     groups: build (always), demo, test, bench, fuzz, tidy, e2e
set -euo pipefail

demo="curl iproute2 openssl python3 util-linux"
declare -A packages=(
  [build]="bazel-bootstrap bazel-rules-java bazel-rules-proto bazel-skylib ca-certificates g++ git
    libabsl-dev libasio-dev libc-ares-dev libcli11-dev libcpp-httplib-dev libgflags-dev
    libgoogle-glog-dev libgrpc++-dev libhttp-parser-dev libnghttp2-dev libprotobuf-dev libssl-dev
    libyaml-cpp-dev make nlohmann-json3-dev prometheus-cpp-dev protobuf-compiler
    protobuf-compiler-grpc"
  [demo]="$demo"
  [test]="$demo clang-format-14 libbenchmark-dev libgmock-dev libgtest-dev python3-yaml
    shellcheck"
  [bench]="haproxy python3 stunnel4"
  [fuzz]="clang-14 libclang-rt-14-dev"
  [tidy]="clang-tidy-14"
  [e2e]="$demo conntrack containerd containernetworking-plugins iptables nftables runc"
)

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
    echo "setup: not root and no sudo; install as root: ${missing[*]}" >&2
    exit 1
  fi
}

missing=()
for group in build "$@"; do
  for package in ${packages[$group]}; do
    is_installed "$package" || missing+=("$package")
  done
  if [[ $group == test || $group == e2e ]] && ! has_go; then missing+=(golang-go); fi
done
((${#missing[@]})) || exit 0

echo "setup: installing ${missing[*]}"
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
