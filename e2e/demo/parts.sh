# shellcheck shell=bash
# The parts of the demo: certificates, services, hub and agents. Sourced by run.sh.

# shellcheck disable=SC2154,SC2004  # addresses, paths and pids come from run.sh and network.sh

make_pki() {
  hawser pki --dir pki init >/dev/null &&
    hawser pki --dir pki server hub --san "ip:$hub_address" >/dev/null &&
    hawser pki --dir pki agent paris >/dev/null &&
    hawser pki --dir pki agent tokyo >/dev/null &&
    hawser pki --dir pki client alice >/dev/null || exit
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj /CN=kubernetes -keyout api.key -out api.crt 2>/dev/null || exit
  # What `hawser` uses when a command does not say otherwise.
  export HAWSER_HUB=$hub_address:8090 HAWSER_CONTROL=unix:$work/control.sock
  export HAWSER_CA=pki/clients/alice/ca.crt
  export HAWSER_CERT=pki/clients/alice/tls.crt HAWSER_KEY=pki/clients/alice/tls.key
}

make_curl_config() {
  cat >via-hub.curlrc <<CONFIG
proxy = https://$hub_address:8088
proxytunnel
proxy-cacert = pki/clients/alice/ca.crt
proxy-cert = pki/clients/alice/tls.crt
proxy-key = pki/clients/alice/tls.key
CONFIG
}

# Waits until a command succeeds: at most $1 seconds.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    read -rt 0.02 <> <(:) || true
  done
}

start_services() {
  local spoke=$1
  become_in_spoke "$spoke" python3 "$here/services.py" "$spoke" "$web_address" "$api_address" \
    api.crt api.key >"services-$spoke.log" 2>&1 &
  pids[services-$spoke]=$!
  await 10 in_spoke "$spoke" curl -sf "http://$web_address/" || {
    cat "services-$spoke.log"
    exit 1
  }
}

start_hub() {
  "$proxy_server" --mode=grpc,http-connect \
    --server-bind-address="$hub_address" --server-port=8090 --uds-name=grpc.sock \
    --http-connect-port=8088 --http-connect-uds-name=connect.sock \
    --server-cert=pki/servers/hub/tls.crt --server-key=pki/servers/hub/tls.key \
    --server-ca-cert=pki/ca/clients.crt \
    --agent-bind-address="$hub_address" --agent-port=8091 --agent-identity=certificate \
    --cluster-cert=pki/servers/hub/tls.crt --cluster-key=pki/servers/hub/tls.key \
    --cluster-ca-cert=pki/ca/agents.crt --control-uds-name=control.sock \
    2>>hub.log &
  pids[hub]=$!
}

# Spoke $1 with the certificate of cluster $2 (its own) and further flags.
start_agent() {
  local spoke=$1 identity=${2:-$1}
  shift $(($# < 2 ? $# : 2))
  become_in_spoke "$spoke" "$proxy_agent" --proxy-server-host="$hub_address" \
    --proxy-server-port=8091 \
    --ca-cert="pki/agents/$identity/ca.crt" --agent-cert="pki/agents/$identity/tls.crt" \
    --agent-key="pki/agents/$identity/tls.key" \
    --resolve="web.default.svc=$web_address" --kube-apiserver="$api_address:443" \
    --config="$here/agent.yaml" --admin-uds-name="agent-$spoke.sock" "$@" \
    2>>"agent-$spoke.log" &
  pids[agent-$spoke]=$!
}

# Whether the hub has agents of all the named clusters.
has_clusters() {
  local clusters name
  clusters=$(hawser get clusters) || return
  for name in "$@"; do grep -q "^$name .* Ready " <<<"$clusters" || return; done
}

await_clusters() {
  await 10 has_clusters "$@" && return
  tail -n 5 hub.log agent-*.log
  return 1
}

# CPU seconds that the named processes have used so far.
cpu_seconds() {
  local name ticks=0 fields
  for name in "$@"; do
    read -ra fields <"/proc/${pids[$name]}/stat" || return
    ticks=$((ticks + fields[13] + fields[14]))
  done
  awk "BEGIN { printf \"%.2f\", $ticks / $(getconf CLK_TCK) }"
}

# Ends the named process and waits until it is gone.
end() {
  kill "-$2" "${pids[$1]}"
  wait "${pids[$1]}" 2>/dev/null
  unset "pids[$1]"
}
