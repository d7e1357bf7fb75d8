# shellcheck shell=bash
# The seven steps of the demo. Each gets its number, and succeeds or not. Sourced by run.sh.

# shellcheck disable=SC2154,SC2004  # addresses, paths and pids come from run.sh and network.sh

# curl through the hub's CONNECT front end, with a client certificate.
via_hub=(curl -sS -K via-hub.curlrc)

step_get_clusters() {
  step "$1" "which clusters are connected"
  show hawser get clusters && expect paris && expect tokyo
}

step_by_name() {
  step "$1" "the same name in both clusters, through HTTP-CONNECT"
  show cat via-hub.curlrc
  show "${via_hub[@]}" http://web.default.svc.paris/ && expect "in paris" &&
    show "${via_hub[@]}" http://web.default.svc.tokyo/ && expect "in tokyo"
}

request=$'GET / HTTP/1.0\r\n\r\n'

# Sends $request through a `hawser dial`, and shows the last line of the answer.
show_dial() {
  printf '%s$ printf "GET / HTTP/1.0\\r\\n\\r\\n" | %s | tail -n 1%s\n' "$bold" "$*" "$plain"
  shown=$(printf '%s' "$request" | "$@" 2>&1 | tail -n 1)
  printf '  %s\n' "$shown"
}

step_tools() {
  step "$1" "a pipe, a local port, a C++ program"
  show_dial hawser dial web.default.svc.paris:80
  expect "in paris" || return
  command_line hawser port-forward tokyo 16443:443 '&'
  hawser port-forward tokyo 16443:443 >forward.log 2>&1 &
  pids[forward]=$!
  await 5 grep -q forwarding forward.log || return
  show curl -sSk https://127.0.0.1:16443/version && expect '"cluster": "tokyo"' || return
  end forward TERM
  show "$fetch" web.default.svc.paris:80 / && expect "in paris"
}

step_grpc() {
  step "$1" "Konnectivity's gRPC protocol: mutual TLS, and a Unix socket"
  show_dial hawser --hub "$hub_address:8090" dial web.default.svc.paris:80
  expect "in paris" || return
  show_dial hawser --hub unix:grpc.sock dial web.default.svc.tokyo:80
  expect "in tokyo"
}

# Moves a gibibyte down or up through the tunnel and checks that it is the one that was sent.
move() {
  local direction=$1 before after started ended digest
  before=$(cpu_seconds hub agent-paris)
  started=$(date +%s%N)
  if [[ $direction == down ]]; then
    digest=$("${via_hub[@]}" http://web.default.svc.paris/1GiB | openssl sha256 -r | cut -d' ' -f1)
  else
    digest=$("${via_hub[@]}" -H Expect: -T gibibyte http://web.default.svc.paris/)
  fi
  ended=$(date +%s%N)
  after=$(cpu_seconds hub agent-paris)
  awk -v what="$direction" -v ns=$((ended - started)) -v cpu="$before $after" -v sum="$digest" \
    'BEGIN {
       split(cpu, c, " ")
       printf "  1 GiB %-4s %5.2f Gbit/s, %.2f CPU s of hub and agent\n  sha256 %s\n",
              what, 8 * 1073.741824e6 / ns, c[2] - c[1], sum
     }'
  [[ $digest == "$expected_digest" ]] || failed "sent was $expected_digest"
}

# Bytes per second of a download of the gibibyte.
rate() { "${via_hub[@]}" -o /dev/null -w '%{speed_download}' http://web.default.svc.paris/1GiB; }

# Opens a connection to an endless sender and does not read it.
open_unread() {
  mkfifo unread.stdin
  "$here/unread.py" connect.sock web.default.svc.paris:80 <unread.stdin >unread.log 2>&1 &
  pids[unread]=$!
  exec {hold}>unread.stdin # its stdin ends with ours
  await 5 grep -q waiting unread.log && await 5 window_is_exhausted
}

close_unread() {
  exec {hold}>&-
  wait "${pids[unread]}"
  unset "pids[unread]"
  rm unread.stdin
}

# Whether the agent has a connection that may not send another 16 KiB.
window_is_exhausted() {
  local page=http://localhost/debug/connections
  window=$(curl -sf --unix-socket agent-paris.sock "$page" |
    sed -nE 's/.*"send_window": ([0-9]+).*/\1/p' | sort -n | head -n 1)
  [[ -n $window ]] && ((window < 16384))
}

# Prints the best rates of both lists and their ratio. It fails below a half: what is shown is that
# nothing stalls. How close the two are is measured by `make bench`, on a machine that does nothing
# else.
compare() {
  awk -v alone="$1" -v beside="$2" '
    function best(list, rates, i, most) {
      split(list, rates, " ")
      for (i in rates) if (rates[i] > most) most = rates[i]
      return most
    }
    BEGIN {
      ratio = best(beside) / best(alone)
      printf "  alone %.2f Gbit/s, beside the unread one %.2f Gbit/s: %.2fx\n",
             best(alone) * 8e-9, best(beside) * 8e-9, ratio
      exit ratio < 0.5
    }'
}

step_bulk() {
  local alone=() beside=() i
  step "$1" "a gibibyte each way, then beside a connection that nobody reads"
  in_spoke paris curl -sf "http://$web_address/1GiB" >gibibyte
  expected_digest=$(openssl sha256 -r gibibyte | cut -d' ' -f1)
  move down && move up || return
  for i in {1..3}; do
    alone+=("$(rate)")
    open_unread || return
    beside+=("$(rate)")
    ((i > 1)) || note "its target sends without end; its window: $window bytes left"
    close_unread
  done
  compare "${alone[*]}" "${beside[*]}" || failed "less than half as fast"
}

# Milliseconds until paris is connected (again).
connected_after() {
  local started
  started=$(date +%s%N)
  await 5 has_clusters paris || return
  echo $((($(date +%s%N) - started) / 1000000))
}

step_outages() {
  local milliseconds
  step "$1" "the agent is killed, then the hub"
  note "kill -9 the agent of paris"
  end agent-paris KILL
  show_failing "${via_hub[@]}" http://web.default.svc.paris/ && expect "503" || return
  show_failing hawser dial web.default.svc.paris:80 && expect "paris" || return
  show "${via_hub[@]}" http://web.default.svc.tokyo/ && expect "in tokyo" || return
  start_agent paris
  milliseconds=$(connected_after) || return
  good "a new agent of paris was connected after $milliseconds ms"
  note "kill -9 the hub, and start it again"
  end hub KILL
  show_failing "${via_hub[@]}" --max-time 2 http://web.default.svc.paris/ || return
  : >hub.log
  start_hub
  await 5 grep -q ready hub.log || return
  milliseconds=$(connected_after) || return
  show "${via_hub[@]}" http://web.default.svc.paris/ && expect "in paris" || return
  ((milliseconds < 1000)) || failed "it took $milliseconds ms" || return
  good "the agents were back $milliseconds ms after the hub was listening"
}

step_refusals() {
  step "$1" "wrong certificates"
  note "a client that shows an agent's certificate"
  show_failing curl -sS --proxy "https://$hub_address:8088" --proxytunnel \
    --proxy-cacert pki/agents/tokyo/ca.crt --proxy-cert pki/agents/tokyo/tls.crt \
    --proxy-key pki/agents/tokyo/tls.key http://web.default.svc.paris/ || return
  await 5 grep -qi "certificate verify failed" hub.log || return
  grep -i "certificate verify failed" hub.log | tail -n 1 | sed 's/^/  hub: /'
  note "tokyo's agent, which claims to be host=paris"
  end agent-tokyo TERM
  start_agent tokyo tokyo --agent-identifiers=host=paris
  await 5 grep -q "agent refused" hub.log || return
  grep "agent refused" hub.log | tail -n 1 | sed 's/^/  hub: /'
  show "${via_hub[@]}" http://web.default.svc.paris/ && expect "in paris" &&
    good "refused, and paris is still paris" || return
  end agent-tokyo TERM
  start_agent tokyo
  await_clusters paris tokyo
}

# A shell of another terminal's, in the networks of the demo.
how_to_play() {
  cat >env.sh <<RC
PS1='demo\$ '
cd $work
export PATH=$repository/bazel-bin/cli:$repository/bazel-bin/examples:$PATH
export HAWSER_HUB=$HAWSER_HUB HAWSER_CONTROL=$HAWSER_CONTROL
export HAWSER_CA=$work/$HAWSER_CA HAWSER_CERT=$work/$HAWSER_CERT HAWSER_KEY=$work/$HAWSER_KEY
RC
  title "everything is up; in another terminal:"
  cat <<PLAY
  nsenter --preserve-credentials --user --net --mount --target $$ bash --rcfile $work/env.sh

there, one after the other:
  hawser get clusters
  curl -K via-hub.curlrc http://web.default.svc.tokyo/
  fetch web.default.svc.paris:80 /
  hawser port-forward paris 6443:443
PLAY
  read -rp "  Enter ends it: " || true
}
