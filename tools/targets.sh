# shellcheck shell=bash
# What each make target needs, in one table: setup.sh installs the second column, preflight.sh looks
# for the third, build.sh builds the fourth, and targets_test.py compares the columns with what is
# compiled and run in truth. Sourced.

# shellcheck disable=SC2034  # used by those who source it

declare -A packages=(
  [build]="bazel-bootstrap bazel-rules-java bazel-rules-proto bazel-skylib ca-certificates g++ git
    libabsl-dev libasio-dev libc-ares-dev libcli11-dev libcpp-httplib-dev libgflags-dev
    libgoogle-glog-dev libgrpc++-dev libhttp-parser-dev libnghttp2-dev libprotobuf-dev libssl-dev
    libyaml-cpp-dev make nlohmann-json3-dev prometheus-cpp-dev protobuf-compiler
    protobuf-compiler-grpc python3"
  [demo]="curl iproute2 openssl python3 util-linux"
  [test]="curl libbenchmark-dev libgmock-dev libgtest-dev nftables openssl procps
    python3-yaml"
  [lint]="clang-format-14 git python3-yaml shellcheck"
  [bench]="haproxy openssl python3 stunnel4"
  [clock]="libfaketime"
  [fuzz]="clang-14 libclang-rt-14-dev"
  [tidy]="clang-tidy-14"
  [pods]="conntrack containerd containernetworking-plugins iptables runc"
  [go]="golang-go" # unless there is one already, from wherever
)

programs="//hub:proxy-server //spoke:proxy-agent //addon-manager //cli:hawser
  //examples:fetch //examples:http-test-server //examples:proxy-test-client //examples:send"
load="//bench:client_load //bench:link //bench:load //bench:target"
images="//images:hawser.tar //images:hawser-cli.tar"

declare -A groups needs builds
row() {
  groups[$1]=$2
  needs[$1]=$3
  builds[$1]=$4
}

#   make target   groups of packages             of the machine   what Bazel builds
row build         "build demo"                   build            "$programs"
row demo          "build demo"                   "build networks" "$programs"
row images        "build"                        build            "$images"
row bench         "build bench demo"             "build networks"           "$programs $load"
row bench-addons  "build demo go test"           "build networks" "//addon-manager"
row e2e           "build demo go pods test"      "build networks" "$programs $images"
row interop       "build demo go"                "build networks" "$programs"
row balancer      "build clock demo"             "build networks" "$programs"
row exact         "build demo go"                "build networks" "$programs"
row test          "build clock demo go lint test" "build networks" "//..."
row asan          "build demo test"              build            "//..."
row tsan          "build demo test"              build            "//..."
row fuzz          "build fuzz test"              build            "//..."
row tidy          "build test tidy"              build            "//..."
row lint          "go lint"                      ""               ""
row fmt           "go lint"                      ""               ""
