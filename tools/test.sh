#!/bin/bash
# Everything that must pass, in stages; each one is timed and its log kept in out/test/. The last
# line counts the tests of all stages and the stages: `N passed, N failed`.
# usage: tools/test.sh [stage...]
set -uo pipefail
cd "$(dirname "$0")/.." || exit
exec </dev/null

logs=out/test
passed=0
failed=0

# Runs one stage's function with its output in a log, which is shown when it fails.
stage() {
  local name=$1 started=$SECONDS outcome=ok
  if "stage_$name" >"$logs/$name.log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    outcome=FAILED
    tail -n 60 "$logs/$name.log"
  fi
  printf '%-10s %-6s %4d s   %s\n' "$name" "$outcome" $((SECONDS - started)) "$logs/$name.log"
  count_tests "$logs/$name.json"
}

# Adds the verdicts in a Bazel event log, if the stage wrote one.
count_tests() {
  [[ -f $1 ]] || return 0
  local good all
  good=$(grep -cE '"overallStatus":"(PASSED|FLAKY)"' "$1")
  all=$(grep -c '"overallStatus":' "$1")
  passed=$((passed + good))
  failed=$((failed + all - good))
}

bazel_tests() {
  local config=$1
  shift
  tools/bazel.sh test --keep_going --build_tests_only --config="$config" \
    --build_event_json_file="$logs/${FUNCNAME[1]#stage_}.json" "$@"
}

stage_build() { tools/build.sh build bench; }
# All tests, once: what ships is what all other stages run, but for these few.
stage_asan() {
  if [[ -n ${compiling:-} ]]; then
    wait "$compiling" # it fails as the tests do, which say why
    bazel shutdown    # or they would give way, too
  fi
  bazel_tests asan //...
}
# Compiles for it meanwhile, and gives way: the stages behind this one wait more than they compute,
# need no Bazel, and have deadlines.
stage_compile() {
  bazel shutdown
  nice -n 19 tools/bazel.sh build --config=asan --build_tests_only \
    --test_tag_filters=-as-shipped //... &
  compiling=$!
}
stage_shipped() { bazel_tests release --test_tag_filters=as-shipped //...; }
stage_tsan() { bazel_tests tsan //lib/base/... //lib/net/... //lib/tunnel/... //hub/...; }
# An HTTP/2 and gRPC stack that shares no code with ours.
stage_grpcgo() {
  local peer=$PWD/$logs/grpcgo-peer
  (cd e2e/grpcgo && go build -o "$peer" .) &&
    bazel_tests asan --test_env=HAWSER_GRPCGO_PEER="$peer" //lib/h2:grpc_go_test
}
stage_interop() { e2e/konnectivity/run.sh; }
# What Helm makes of the chart. It is built, once, from its module, and Kubernetes with it, which
# shares most of what is compiled.
stage_chart() {
  local programs
  programs=$(e2e/kubernetes/build.sh kube control-plane) &&
    PATH=$programs:$PATH python3 -B charts/chart_test.py
}
# The Kubernetes client, leases of servers and the chart against a real kube-apiserver. Bazel sees
# the PATH of all other stages, or it would build anew.
stage_apiserver() {
  local crds
  stage_build && e2e/kubernetes/build.sh kube control-plane &&
    e2e/kubernetes/apiserver.sh run env PATH="$PATH" tools/bazel.sh test --config=release \
      --build_event_json_file="$logs/apiserver.json" --test_env=HAWSER_KUBE_APISERVER \
      //lib/kube:kube_conformance_test &&
    e2e/kubernetes/apiserver.sh run e2e/kubernetes/leases_test.py &&
    crds=$(e2e/kubernetes/build.sh ocm)/files/crds/hub &&
    HAWSER_OCM_CRDS=$crds e2e/kubernetes/apiserver.sh run python3 -B charts/cluster_test.py
}
# The add-on in a hub with one managed cluster, without pods.
stage_kubernetes() { e2e/kubernetes/run.sh --short; }
stage_lint() { tools/lint.sh; }
# What a fresh machine needs: that make targets install what they use, and tell what it lacks.
stage_setup() { tools/preflight_test.sh && tools/targets_test.py; }
# Each walk, with its name in front of what it shows; then the Kubernetes manifests.
stage_examples() {
  local walk failures=0
  for walk in examples/*/run.sh; do
    echo "== $walk"
    "$walk" || failures=$((failures + 1))
  done
  examples/kubernetes/manifests_test.py || failures=$((failures + 1))
  ((failures == 0))
}
stage_quickstart() { e2e/quickstart/run.sh; }
stage_demo() { e2e/demo/run.sh; }
stage_bad_input() { e2e/bad_input/run.sh; }
stage_names() { e2e/names/run.sh; }
# Half a minute of everything that can be wrong between an agent and its hub, all at once; beside it
# the two minutes that it takes to find out that somebody has vanished.
stage_balancer() {
  local vanished outcome
  e2e/vanished/run.sh &
  vanished=$!
  e2e/balancer/run.sh
  outcome=$?
  wait "$vanished" && ((outcome == 0))
}
stage_exact() { e2e/exact/run.sh; }

rm -rf "$logs"
mkdir -p "$logs"
(($#)) || set -- build setup lint shipped chart apiserver examples quickstart demo \
  compile kubernetes interop bad_input names balancer exact asan grpcgo tsan
for name in "$@"; do stage "$name"; done
echo "$passed passed, $failed failed"
((failed == 0))
