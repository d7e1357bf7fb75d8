"""What is measured: Hawser and its peers, each a pair of processes between a load and a target.

Everything runs with the same certificates and cipher, on loopback or over an emulated link (Place).
A peer knows the options that lead the load driver through it, and the processes whose CPU time and
memory are its cost.
"""

import os
import pathlib
import re
import socket
import subprocess
import time
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("HAWSER_BIN", ROOT / "bazel-bin"))
START_LIMIT = 10  # seconds until a started process must listen
CIPHER = "TLS_AES_128_GCM_SHA256"


class Processes:
    """Processes of one round, killed by their own ids when it ends."""

    def __init__(self, folder):
        self.folder = folder
        self._running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._running:
            process.kill()
        for process in self._running:
            process.wait()

    def start(self, name, *command):
        """Starts a process with its output in <folder>/<name>.log; returns its id."""
        with open(self.log(name), "w") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self._running.append(process)
        return process.pid

    def must_all_run(self):
        for process in self._running:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args} has ended: {process.returncode}")

    def log(self, name):
        return self.folder / f"{name}.log"

    def wait_for(self, name, pattern, limit=START_LIMIT):
        """The first group of `pattern` in a process's log, once it is there."""
        def search():
            found = re.search(pattern, self.log(name).read_text(), re.MULTILINE)
            return found and found[1]
        return wait_until(search, f"{pattern!r} in {self.log(name)}", limit)


@dataclass
class Place:
    """Where the two ends are: the client's (near) and the target's (far)."""
    near: str = "127.0.0.1"
    far: str = "127.0.0.1"
    at_far: object = lambda *command: command  # the command that runs a command there


HERE = Place()


@dataclass
class Peer:
    name: str
    route: list  # options of the load driver
    pids: list = field(default_factory=list)
    client_route: list = field(default_factory=list)  # options of client_load


def wait_until(condition, what, limit=START_LIMIT):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise RuntimeError(f"waited {limit} s for {what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, address="127.0.0.1"):
    def accepts():
        with socket.socket() as probe:
            return probe.connect_ex((address, port)) == 0
    wait_until(accepts, f"{address}:{port} to listen")


class Pki:
    """The certificates of every peer: one for the server's end, one for the client's."""

    def __init__(self, folder, place=HERE):
        self.folder = folder
        names = [f"--san=ip:{address}" for address in {"127.0.0.1", place.near, place.far}]
        for arguments in (["init"], ["agent", "bench"], ["server", "hub", *names]):
            subprocess.run([BIN / "cli/hawser", "pki", "--dir", folder, *arguments],
                           check=True, stdout=subprocess.DEVNULL)
        self.server = folder / "servers/hub"
        self.client = folder / "agents/bench"
        self.client_ca = folder / "ca/agents.crt"
        self.server_ca = folder / "ca/servers.crt"

    def bundle(self, which):
        """Certificate and key in one file, as haproxy wants them."""
        path = which / "bundle.pem"
        path.touch(mode=0o600)
        path.write_text((which / "tls.crt").read_text() + (which / "tls.key").read_text())
        return path


def start_target(processes, place=HERE):
    processes.start("target", *place.at_far(BIN / "bench/target", f"--address={place.far}"))
    return processes.wait_for("target", r"^listening on (\S+)$")


def start_direct(_processes, _pki, target, place=HERE):
    return Peer("direct", ["--via", target])


@dataclass
class Hub:
    pid: int
    front_end: pathlib.Path
    grpc: pathlib.Path
    port: int  # for agents


def start_hub(processes, pki, flags, place):
    """A hub whose front ends are Unix sockets: one TLS hop, as with the others."""
    front_end = processes.folder / "hub.sock"
    grpc = processes.folder / "grpc.sock"
    pid = processes.start(
        "hub", BIN / "hub/proxy-server", "--mode=http-connect,grpc", f"--uds-name={grpc}",
        f"--http-connect-uds-name={front_end}",
        "--server-port=0", "--agent-port=0", f"--agent-bind-address={place.near}",
        "--health-port=0", "--admin-port=0",
        f"--cluster-cert={pki.server}/tls.crt", f"--cluster-key={pki.server}/tls.key",
        f"--cluster-ca-cert={pki.client_ca}", *flags)
    port = processes.wait_for("hub", r"serving agents on \S*:(\d+)")
    return Hub(pid, front_end, grpc, port)


def start_hawser(processes, pki, target, *flags, place=HERE):
    """A hub and one agent. `flags` are more of the hub's."""
    hub = start_hub(processes, pki, ("--agent-identity=certificate", *flags), place)
    host, target_port = target.split(":")
    agent = processes.start(
        "agent", *place.at_far(
            BIN / "spoke/proxy-agent", f"--proxy-server-host={place.near}",
            f"--proxy-server-port={hub.port}", "--health-server-port=0", "--admin-server-port=0",
            f"--agent-cert={pki.client}/tls.crt", f"--agent-key={pki.client}/tls.key",
            f"--ca-cert={pki.server_ca}", f"--resolve=target={host}"))
    processes.wait_for("agent", r"(connected to server)")
    route = ["--via", f"unix:{hub.front_end}", "--connect", f"target.bench:{target_port}"]
    return Peer("hawser", route, [hub.pid, agent],
                ["--hub", f"unix:{hub.grpc}", "--address", f"target.bench:{target_port}"])


def start_forward(processes, peer):
    """The same hub and agent behind our client library: a local port that it forwards."""
    _, hub, _, address = peer.client_route
    host, port = address.split(":")
    client = processes.start("forward", BIN / "cli/hawser", f"--hub={hub}", "port-forward",
                             "--address=127.0.0.1", host, f":{port}")
    local = processes.wait_for("forward", r"^forwarding (\S+) ->")
    return Peer(peer.name, ["--via", local], [*peer.pids, client])


def reference():
    """Paths of Konnectivity's server and agent, or None where they are not given."""
    paths = [os.environ.get(name) for name in ("HAWSER_REF_SERVER", "HAWSER_REF_AGENT")]
    return paths if all(paths) else None


def start_reference(processes, pki, target, place=HERE):
    """Konnectivity's own parts, with the same front end as ours; on fixed ports, since it takes no
    ephemeral ones."""
    server, _ = reference()
    front_end = processes.folder / "reference.sock"
    ports = (8091, 8092, 8095)
    hub = processes.start(
        "reference-server", server, "--mode=http-connect", f"--uds-name={front_end}",
        "--server-port=0", f"--agent-port={ports[0]}", f"--agent-bind-address={place.near}",
        f"--health-port={ports[1]}", f"--admin-port={ports[2]}",
        f"--cluster-cert={pki.server}/tls.crt", f"--cluster-key={pki.server}/tls.key",
        f"--cluster-ca-cert={pki.client_ca}", f"--cipher-suites={CIPHER}", "-v=1")
    wait_for_port(ports[0], place.near)
    spoke = start_reference_agent(processes, pki, ports[0], place)
    wait_until(lambda: can_connect(front_end, target), "the reference's agent to connect")
    return Peer("reference", ["--via", f"unix:{front_end}", "--connect", target], [hub, spoke])


def start_reference_agent(processes, pki, port, place):
    _, agent = reference()
    return processes.start(
        "reference-agent", *place.at_far(
            agent, f"--proxy-server-host={place.near}", f"--proxy-server-port={port}",
            "--health-server-port=8093", "--admin-server-port=8094", "--agent-id=bench",
            f"--agent-cert={pki.client}/tls.crt", f"--agent-key={pki.client}/tls.key",
            f"--ca-cert={pki.server_ca}", "-v=1"))


def start_switched(processes, pki, target, place=HERE):
    """Our hub with an agent of Konnectivity's, as it is while people switch part by part."""
    hub = start_hub(processes, pki, ["--agent-identity=asserted"], place)
    agent = start_reference_agent(processes, pki, hub.port, place)
    wait_until(lambda: can_connect(hub.front_end, target), "the reference's agent to connect")
    route = ["--via", f"unix:{hub.front_end}", "--connect", target]
    return Peer("hawser", route, [hub.pid, agent])


def can_connect(front_end, target):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(front_end))
            client.settimeout(START_LIMIT)
            client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            return b" 200" in client.recv(64)
        except OSError:
            return False


HAPROXY = """\
global
  nbthread 2
  maxconn 9000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-bind-ciphersuites {cipher}
  ssl-default-server-options ssl-min-ver TLSv1.3
  ssl-default-server-ciphersuites {cipher}
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen tunnel
  bind {address}:{port} {bind}
  server next {next} {server}
"""


def start_haproxy(processes, pki, target, place=HERE):
    def start(name, following, address="127.0.0.1", at=HERE.at_far, bind="", server=""):
        port = free_port()
        config = processes.folder / f"{name}.cfg"
        config.write_text(HAPROXY.format(cipher=CIPHER, address=address, port=port, bind=bind,
                                         next=following, server=server))
        pid = processes.start(name, *at("haproxy", "-db", "-f", config))
        wait_for_port(port, address)
        return pid, f"{address}:{port}"

    far, tls_address = start(
        "haproxy-server", target, place.far, place.at_far,
        bind=f"ssl crt {pki.bundle(pki.server)} ca-file {pki.client_ca} verify required")
    near, address = start(
        "haproxy-client", tls_address,
        server=f"ssl crt {pki.bundle(pki.client)} ca-file {pki.server_ca} verify required")
    return Peer("haproxy", ["--via", address], [near, far])


STUNNEL = """\
foreground = yes
pid =
debug = err
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[tunnel]
client = {client}
accept = 127.0.0.1:{port}
connect = {next}
cert = {certificate}/tls.crt
key = {certificate}/tls.key
CAfile = {ca}
verifyChain = yes
sslVersionMin = TLSv1.3
ciphersuites = {cipher}
"""


def start_stunnel(processes, pki, target):
    def start(name, following, client, certificate, authority):
        port = free_port()
        config = processes.folder / f"{name}.conf"
        config.write_text(STUNNEL.format(
            client=client, port=port, next=following, certificate=certificate, ca=authority,
            cipher=CIPHER))
        pid = processes.start(name, "stunnel", config)
        wait_for_port(port)
        return pid, f"127.0.0.1:{port}"

    far, tls_address = start("stunnel-server", target, "no", pki.server, pki.client_ca)
    near, address = start("stunnel-client", tls_address, "yes", pki.client, pki.server_ca)
    return Peer("stunnel", ["--via", address], [near, far])


STARTERS = (start_direct, start_hawser, start_haproxy, start_stunnel)
