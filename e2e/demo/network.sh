# shellcheck shell=bash
# Three networks on one machine: the hub's, which is this network namespace, and two spokes with the
# same addresses inside. Sourced by run.sh.

hub_address=172.30.0.1
web_address=10.96.0.10
api_address=10.96.0.1

# Runs a command in the network of spoke $1.
in_spoke() {
  local spoke=$1
  shift
  nsenter --net="/run/netns/$spoke" "$@"
}

# As in_spoke, in place of the (sub)shell that calls it, so that $! is the command's own id.
become_in_spoke() {
  local spoke=$1
  shift
  exec nsenter --net="/run/netns/$spoke" "$@"
}

make_hub_network() {
  mount -t tmpfs tmpfs /run # for `ip netns`, whatever the machine has there
  ip link set lo up
  ip address add "$hub_address/32" dev lo
}

# Spoke $1 number $2: a link to the hub, over which it reaches the hub's one address.
make_spoke_network() {
  local spoke=$1 number=$2
  ip netns add "$spoke"
  ip link add "to-$spoke" type veth peer name uplink netns "$spoke"
  ip address add "172.30.$number.1/30" dev "to-$spoke"
  ip link set "to-$spoke" up
  in_spoke "$spoke" ip link set lo up
  in_spoke "$spoke" ip address add "172.30.$number.2/30" dev uplink
  in_spoke "$spoke" ip link set uplink up
  in_spoke "$spoke" ip route add "$hub_address/32" via "172.30.$number.1"
  in_spoke "$spoke" ip address add "$web_address/32" dev lo
  in_spoke "$spoke" ip address add "$api_address/32" dev lo
  # What arrives on the uplink for an address inside is dropped, even by a hub that has a route.
  in_spoke "$spoke" ip rule add pref 10 lookup local
  in_spoke "$spoke" ip rule add pref 5 iif uplink to 10.96.0.0/16 blackhole
  in_spoke "$spoke" ip rule del pref 0
}
