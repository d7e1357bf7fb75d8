"""The networks on one machine: the hub's, where this program runs, and one per managed cluster.

All of them use the same addresses inside. A managed cluster reaches one address of the hub; nothing
can be opened from the hub, or from another managed cluster, into it.
"""
from process import output_of

HUB_ADDRESS = "172.30.0.1"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
WEB_SERVICE = "10.96.0.10"
DNS_SERVICE = "10.96.0.53"
NODE_ADDRESS = "10.0.0.1"
PODS = "10.244.0.0/24"

_ONLY_ONE_ADDRESS = f"""
table inet only-one-address {{
  chain arriving {{
    type filter hook prerouting priority mangle
    iifname "to-*" ip daddr != {HUB_ADDRESS} ct state new,invalid drop
  }}
}}
"""

_ONLY_OUTWARDS = """
table inet only-outwards {
  chain arriving {
    type filter hook prerouting priority mangle
    iifname uplink ct state new,invalid drop
  }
}
"""


# What kube-proxy does where it runs: here for the two services of a cluster without a node.
_SERVICES = f"""
table ip services {{
  chain dialling {{
    type nat hook output priority -100
    ip daddr {API_SERVICE} tcp dport 443 dnat to {NODE_ADDRESS}:6443
    ip daddr {WEB_SERVICE} tcp dport 80 dnat to {NODE_ADDRESS}:8080
  }}
}}
"""


def link(number):
    """The addresses of the link to managed cluster `number`: the hub's end, the other end."""
    return f"172.30.{number}.1", f"172.30.{number}.2"


def make_hub(has_node):
    # For `ip netns`, whatever the machine has there.
    _run("mount -t tmpfs tmpfs /run")
    _run("ip link set lo up")
    _run(f"ip address add {HUB_ADDRESS}/32 dev lo")
    _run("nft -f -", stdin=_ONLY_ONE_ADDRESS)
    if has_node:
        _run(f"ip route add {SERVICES} dev lo")
        _run("sysctl -qw net.ipv4.ip_forward=1")


def make_managed(name, number, has_node):
    """The network of managed cluster `number`; returns the command that runs another one in it."""
    enter = ["nsenter", f"--net=/run/netns/{name}"]
    hub_end, end = link(number)
    _run(f"ip netns add {name}")
    _run(f"ip link add to-{name} type veth peer name uplink netns {name}")
    _run(f"ip address add {hub_end}/30 dev to-{name}")
    _run(f"ip link set to-{name} up")
    _run("nft -f -", enter, _ONLY_OUTWARDS)
    _run("ip link set lo up", enter)
    _run(f"ip address add {end}/30 dev uplink", enter)
    _run("ip link set uplink up", enter)
    _run(f"ip route add {HUB_ADDRESS}/32 via {hub_end}", enter)
    _run(f"ip address add {NODE_ADDRESS}/32 dev lo", enter)
    # There must be a route before a service's address can be translated.
    _run(f"ip route add {SERVICES} dev lo", enter)
    if has_node:
        _run("sysctl -qw net.ipv4.ip_forward=1", enter)
    else:
        _run("nft -f -", enter, _SERVICES)
    return enter


def _run(command, enter=(), stdin=None):
    output_of([*enter, *command.split()], stdin)
