#!/bin/bash
# Hawser on real Kubernetes and Open Cluster Management, from nothing: a hub and two managed
# clusters with the same addresses inside, and a table of what works. Everything happens in
# namespaces of its own; nothing is left behind but what build.sh keeps in the cache.
# --short needs no root: one managed cluster, and no pods. STAY=1 leaves it up until Enter.
# usage: e2e/kubernetes/run.sh [--short]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

form=full
privilege=()
namespaces=(--net --mount --pid --fork --kill-child --mount-proc)
if [[ ${1:-} == --short ]]; then
  form=short
  namespaces+=(--user --map-root-user)
elif ((EUID != 0)); then
  privilege=(sudo)
fi

if [[ $form == short ]]; then # which has no use for the rest
  kube=$("$here/build.sh" kube control-plane)
  coredns=
else
  kube=$("$here/build.sh" kube)
  coredns=$("$here/build.sh" coredns)
fi
ocm=$("$here/build.sh" ocm)
pods=$("$here/build.sh" pods)

work=$(mktemp -d "${TMPDIR:-/tmp}/hawser-e2e-XXXXXX")
trap 'rm -rf "$work"' EXIT
"$here/tools/go.sh" build -C "$here/../../examples/konnectivity-client" \
  -o "$work/konnectivity-client" .

# Processes, mounts and networks end with their namespaces, and those when this script does: nobody
# else holds the other end of its stdin.
ours=${here%/e2e/*}/bazel-bin
exec {lifeline}> >(exec "${privilege[@]}" unshare "${namespaces[@]}" \
  python3 -B "$here/run.py" "$form" "${STAY:-0}" "$work" "$kube" "$ocm" "$coredns" "$pods" "$ours")
run=$!
clean_up() {
  exec {lifeline}>&-
  wait "$run" || true
  "${privilege[@]}" find /sys/fs/cgroup -depth -type d -path "*/${work##*/}*" -delete 2>/dev/null
  "${privilege[@]}" rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

if [[ ${STAY:-} == 1 ]]; then
  read -r || true
else
  wait "$run"
fi
