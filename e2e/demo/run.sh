#!/bin/bash
# The main job, shown: services in two isolated clusters with the same addresses, reached by name.
# Everything happens in user, network and mount namespaces of its own; no root is needed, nothing is
# left behind. STAY=1 leaves it up until Enter (or the end of stdin).
set -uo pipefail

if [[ ${1:-} != inside ]]; then
  exec unshare --user --map-root-user --net --mount "$0" inside
fi

unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY # all is on this machine

repository=$(cd "$(dirname "$0")/../.." && pwd)
here=$repository/e2e/demo
proxy_server=$repository/bazel-bin/hub/proxy-server
proxy_agent=$repository/bazel-bin/spoke/proxy-agent
fetch=$repository/bazel-bin/examples/fetch
PATH=$repository/bazel-bin/cli:$PATH

work=$(mktemp -d "${TMPDIR:-/tmp}/hawser-demo.XXXXXX")
cd "$work" || exit

declare -A pids
stop_all() {
  local name
  for name in "${!pids[@]}"; do kill -KILL "${pids[$name]}" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# shellcheck source=e2e/demo/network.sh
source "$here/network.sh"
# shellcheck source=e2e/demo/output.sh
source "$here/output.sh"
# shellcheck source=e2e/demo/parts.sh
source "$here/parts.sh"
# shellcheck source=e2e/demo/steps.sh
source "$here/steps.sh"

make_hub_network
make_spoke_network paris 1
make_spoke_network tokyo 2
make_pki
make_curl_config
start_services paris
start_services tokyo
start_hub
start_agent paris
start_agent tokyo
await_clusters paris tokyo

title "two clusters, the same addresses inside, and no way in"
show_failing curl -sS --max-time 2 "http://$web_address/"

steps=(get_clusters by_name tools grpc bulk outages refusals)
bad=()
for i in "${!steps[@]}"; do
  "step_${steps[$i]}" "$((i + 1))" || bad+=("$((i + 1)) (${steps[$i]})")
done

if [[ ${STAY:-} == 1 ]]; then how_to_play; fi
echo
echo "demo: $((${#steps[@]} - ${#bad[@]})) of ${#steps[@]} steps ok"
((${#bad[@]} == 0)) || failed "${bad[*]/#/step }, see above"
