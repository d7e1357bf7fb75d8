# shellcheck shell=bash
# What the walks have in common. Each happens in a folder and in user, network and process
# namespaces of its own, so that ports never clash, no root is needed and nothing is left behind.
# Sourced at the beginning of each run.sh.

if [[ ${1:-} != inside ]]; then
  exec unshare --user --map-root-user --net --pid --fork --kill-child "$0" inside
fi

unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY # all is on this machine

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$repository/bazel-bin/hub:$repository/bazel-bin/spoke:$repository/bazel-bin/cli:$PATH
PATH=$repository/bazel-bin/examples:$PATH
for program in proxy-server proxy-agent hawser proxy-test-client http-test-server; do
  command -v "$program" >/dev/null || {
    echo "$program is not built yet: make build"
    exit 1
  }
done

# shellcheck source=e2e/demo/output.sh
source "$repository/e2e/demo/output.sh"

folder=$(mktemp -d "${TMPDIR:-/tmp}/hawser-walk.XXXXXX")
cd "$folder" || exit
stop_all() {
  # shellcheck disable=SC2046  # one word per process
  kill -KILL $(jobs -p) 2>/dev/null
  wait 2>/dev/null
  rm -rf "$folder"
}
trap stop_all EXIT
trap 'exit 130' INT TERM
ip link set lo up

# Waits until a command succeeds: at most 10 seconds.
await() {
  local deadline=$((SECONDS + 10))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    read -rt 0.02 <> <(:) || true
  done
}

# Ends the walk with what the parts have logged.
give_up() {
  failed "$1"
  tail -n 5 -- *.log 2>/dev/null
  exit 1
}

# Shows a command and leaves it running in the background, once it says that it is ready.
start() {
  command_line "$@" '&'
  "$@" 2>"$1.log" &
  await grep -q '\] ready$' "$1.log" || give_up "$1 does not start"
}

# Shows a command, which must succeed.
run() { show "$@" || give_up "exit code $?"; }

# The same, with the text in its output.
expect_output() {
  local text=$1
  shift
  run "$@"
  expect "$text" || give_up "another output"
}

# Shows a command that must fail, with the text in its output.
expect_failure() {
  local text=$1
  shift
  show_failing "$@" || give_up "no failure"
  expect "$text" || give_up "another output"
}
