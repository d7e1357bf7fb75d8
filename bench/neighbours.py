#!/usr/bin/env python3
"""What an innocent client feels, and what the hub pays, while somebody takes all of one thing.

For each resource: the client bob dials and echoes through the hub, round by round: alone, while
greedy.py is at another hub of the same machine, and while it is at his. What the second costs him
is the machine's, of which there are few cores. His dials must all succeed, his p99 stay within 1.5
times that (differences of less than a slice of the scheduler are the machine's, too; without them
there are the strict ratios to what it is alone), the hub's memory grow by 64 MiB at most, and fall
again when the greedy one is gone. Before anything is taken beside it, the greedy one must have met
the limit of what it takes.

Everything happens in namespaces of its own; no root is needed. Writes out/bench-neighbours.json.
Exit code: 0 all goals are met, 1 one is not.
"""

import argparse
import contextlib
import pathlib
import select
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import goals
import long_link
import neighbours_target
import peers
from goals import Goal

# What can be taken, and the counter of the hub that tells that somebody took all he may.
RESOURCES = {
    "pending_dials": 'refusals_total{resource="pending_dials",limit="identity"}',
    "lookups": 'refusals_total{resource="pending_dials",limit="identity"}',
    "buffered_bytes": 'resets_total{resource="buffered_bytes",limit="identity"}',
    "control_bytes": None,  # streams end, one by one
    "connections": 'refusals_total{resource="connection_bytes",limit="identity"}',
    "descriptors": 'refusals_total{resource="client_connections",limit="identity"}',
    "sessions": 'refusals_total{resource="sessions",limit="identity"}',
    "page_connections": 'resets_total{resource="page_connections",limit="address"}',
    "unfinished_handshakes": 'handshakes_total{port="http-connect",result="no_place"}',
}
COUNTERS = tuple(f"hawser_{kind}_total" for kind in ("refusals", "resets", "handshakes"))
FACTOR = 1.5
FLOOR_MS = 3.0  # a slice of the scheduler: more runs here than there are processors
P99S = ("dial_p99_ms", "echo_p99_ms")
MOST_MIB = 64
STAYS_MIB = 24  # at most, some seconds later
LIMIT_MET_WITHIN = 60  # seconds
GIVE_BACK_LIMIT = 30  # seconds
FEW_DESCRIPTORS = 1500
# Of the agents: the targets are on loopback, which nobody may reach otherwise.
AGENT_CONFIG = "allow:\n- cidrs: [127.0.0.0/8]\n"


class Lab:
    """A hub with TLS front ends, and one agent of the cluster `bench`."""

    def __init__(self, name, folder, processes, resource):
        self.name = name
        self.folder = folder
        self.ports = {port: peers.free_port()
                      for port in ("grpc", "connect", "agents", "health", "admin")}
        few = ["prlimit", f"--nofile={FEW_DESCRIPTORS}:{FEW_DESCRIPTORS}"]
        limits = few if resource == "descriptors" else []
        # Or its connections would be too much memory first.
        room = ["--max-connection-bytes-per-identity=67108864"] if limits else []
        server, authorities = folder / "pki/servers/hub", folder / "pki/ca"
        self.hub = processes.start(
            f"{name}-hub", *limits, peers.BIN / "hub/proxy-server", "--mode=grpc,http-connect",
            f"--server-port={self.ports['grpc']}", "--server-bind-address=127.0.0.1",
            f"--http-connect-port={self.ports['connect']}",
            "--http-connect-bind-address=127.0.0.1", f"--agent-port={self.ports['agents']}",
            "--agent-bind-address=127.0.0.1", f"--health-port={self.ports['health']}",
            f"--admin-port={self.ports['admin']}", "--agent-identity=certificate",
            f"--server-cert={server}/tls.crt", f"--server-key={server}/tls.key",
            f"--server-ca-cert={authorities}/clients.crt", f"--cluster-cert={server}/tls.crt",
            f"--cluster-key={server}/tls.key", f"--cluster-ca-cert={authorities}/agents.crt",
            "--control-uds-name=", *room)
        peers.wait_for_port(self.ports["agents"])
        agent = folder / "pki/agents/bench"
        processes.start(
            f"{name}-agent", *limits, peers.BIN / "spoke/proxy-agent",
            "--proxy-server-host=127.0.0.1",
            f"--proxy-server-port={self.ports['agents']}", "--health-server-port=0",
            "--admin-server-port=0", f"--agent-cert={agent}/tls.crt",
            f"--agent-key={agent}/tls.key", f"--ca-cert={authorities}/servers.crt",
            f"--config={folder}/agent.yaml")
        processes.wait_for(f"{name}-agent", r"(connected to server)")

    def hub_mib(self):
        for line in pathlib.Path(f"/proc/{self.hub}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the hub is gone")

    def counters(self):
        """What the hub counts as refused or taken back, by resource and limit, and handshakes."""
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.ports['admin']}/metrics", timeout=10)
        found = {}
        for line in page.read().decode().splitlines():
            if line.startswith(COUNTERS):
                name, value = line.removeprefix("hawser_").rsplit(" ", 1)
                found[name] = float(value)
        return found

    @contextlib.contextmanager
    def greedy(self, resource):
        """It is at this hub while that is entered."""
        name = f"{self.name}-greedy"
        options = [f"--{port}={self.ports[port]}"
                   for port in ("connect", "grpc", "agents", "health")]
        counter = RESOURCES[resource]
        before = self.counters()
        with peers.Processes(self.folder) as processes:
            processes.start(name, sys.executable,
                            peers.ROOT / "bench/greedy.py", resource,
                            f"--pki={self.folder}/pki", f"--stuck={neighbours_target.STUCK}",
                            f"--endless={neighbours_target.ENDLESS}", *options)
            processes.wait_for(name, r"^(greedy)$", limit=LIMIT_MET_WITHIN)
            if counter:
                peers.wait_until(lambda: self.counters()[counter] > before[counter],
                                 f"the greedy one to meet {counter}", LIMIT_MET_WITHIN)
            yield
            processes.must_all_run()


class Bob:
    """The innocent client. Times in ms; dials are measured after the TLS handshake, which is over
    when the hub's session ticket is there."""

    def __init__(self, lab):
        pki = lab.folder / "pki"
        self.context = ssl.create_default_context(cafile=f"{pki}/ca/servers.crt")
        self.context.load_cert_chain(f"{pki}/clients/bob/tls.crt", f"{pki}/clients/bob/tls.key")
        self.port = lab.ports["connect"]
        self.health = lab.ports["health"]
        target = neighbours_target.BOBS
        self.head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), 20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = self.context.wrap_socket(plain, server_hostname="127.0.0.1")
        select.select([client], [], [], 20)
        return client

    def dial(self):
        client = self.connect()
        begin = time.perf_counter()
        client.sendall(self.head)
        answer = client.recv(4096)
        return client, (time.perf_counter() - begin) * 1000, b" 200 " in answer

    def probe(self):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.health}/healthz", timeout=2).read()
            return True
        except (urllib.error.URLError, OSError):
            return False

    def measure(self, dials, echoes):
        taken, failed, unhealthy = [], 0, 0
        for number in range(dials):
            try:
                client, time_ms, opened = self.dial()
                client.close()
            except OSError:
                time_ms, opened = 20_000, False
            taken.append(time_ms)
            failed += not opened
            unhealthy += number % 10 == 0 and not self.probe()
        client, _, _ = self.dial()
        echoed = []
        for _ in range(echoes):
            begin = time.perf_counter()
            client.sendall(b"x")
            if client.recv(1) != b"x":
                raise RuntimeError("bob's connection does not echo")
            echoed.append((time.perf_counter() - begin) * 1000)
        client.close()
        return {"dial_p99_ms": p99(taken), "echo_p99_ms": p99(echoed), "failed_dials": failed,
                "failed_probes": unhealthy}


def p99(values):
    return sorted(values)[len(values) * 99 // 100]


class MemoryWatch:
    """The most that the hub holds while this is entered."""

    def __init__(self, lab):
        self.lab = lab
        self.most = lab.hub_mib()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.done.wait(0.05):
            self.most = max(self.most, self.lab.hub_mib())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def run(resource, folder, arguments):
    """{"alone" | "elsewhere" | "beside": one measurement per round, ...}"""
    taken = {"alone": [], "elsewhere": [], "beside": []}
    memory, refusals = [], {}
    with peers.Processes(folder) as processes:
        processes.start("targets", sys.executable, peers.ROOT / "bench/neighbours_target.py")
        processes.wait_for("targets", r"^(listening)$")
        here = Lab("here", folder, processes, resource)
        elsewhere = Lab("elsewhere", folder, processes, resource)
        bob = Bob(here)
        measure = lambda: bob.measure(arguments.dials, arguments.echoes)
        bob.measure(arguments.dials // 4, arguments.echoes // 4)
        for _ in range(arguments.rounds):
            taken["alone"].append(measure())
            with elsewhere.greedy(resource):
                taken["elsewhere"].append(measure())
            # What stays of a round before is not to be taken for the hub's own.
            before = memory[0]["before"] if memory else here.hub_mib()
            with MemoryWatch(here) as watch, here.greedy(resource):
                taken["beside"].append(measure())
                refusals = {name: count for name, count in here.counters().items() if count > 0}
            memory.append({"before": before, "most": watch.most, "after": after(here, before)})
    return {**taken, "hub_mib": memory, "refusals": refusals}


def after(lab, before):
    """What the hub holds when it has had time to give back."""
    deadline = time.monotonic() + GIVE_BACK_LIMIT
    while lab.hub_mib() - before > STAYS_MIB and time.monotonic() < deadline:
        time.sleep(0.5)
    return lab.hub_mib()


def median(measurements, name):
    return statistics.median(each[name] for each in measurements)


def judged(figures):
    """[{"what": ..., "value": ..., "verdict": ...}] of each goal."""
    beside, memory = figures["beside"], figures["hub_mib"]
    found = [(Goal(0), name.replace("_", " "), sum(each[name] for each in beside))
             for name in ("failed_dials", "failed_probes")]
    for name in P99S:
        machine = max(median(figures[where], name) for where in ("alone", "elsewhere"))
        limit = max(FACTOR * machine, machine + FLOOR_MS)
        found.append((Goal(limit), name.replace("_", " "), median(beside, name)))
    found.append((Goal(MOST_MIB), "hub grew by MiB",
                  max(each["most"] - each["before"] for each in memory)))
    found.append((Goal(STAYS_MIB), "MiB that stay", memory[-1]["after"] - memory[0]["before"]))
    return [goals.as_json(*each) for each in found]


def strict_ratios(figures, name):
    """Of each round: beside the greedy one to alone."""
    return [beside[name] / alone[name]
            for beside, alone in zip(figures["beside"], figures["alone"])]


def caption(arguments):
    return f"""\
Medians of the p99 of {arguments.rounds} rounds, {arguments.dials} dials and {arguments.echoes:,} \
echoes each. Goals: no dial and no probe of the hub's health fails; p99 at this hub within \
{FACTOR} times the larger of alone and at the other hub, or within {FLOOR_MS:g} ms of it, a slice \
of the scheduler; the hub grows by {MOST_MIB} MiB at most, and {STAYS_MIB} stay at most. The \
strict ratio is this hub's p99 to alone, without that slice: {FACTOR} would be the goal. Where \
descriptors are taken, hub and agent may have {FEW_DESCRIPTORS:,}.
"""


HEADER = """\
| taken by one | dial p99, ms: alone / other hub / this hub | strict ratio \
| echo p99, ms: the same | strict ratio | failed dials | hub, MiB more (after) | verdict |
|---|---|---|---|---|---|---|---|"""


def row(resource, figures):
    cells = [resource.replace("_", " ")]
    for name in P99S:
        cells.append(" / ".join(f"{median(figures[where], name):.2f}"
                                for where in ("alone", "elsewhere", "beside")))
        ratios = strict_ratios(figures, name)
        cells.append(goals.with_spread(ratios, statistics.median(ratios)))
    memory = figures["hub_mib"]
    cells.append(str(sum(each["failed_dials"] for each in figures["beside"])))
    cells.append(f"{max(each['most'] - each['before'] for each in memory):.0f} "
                 f"({memory[-1]['after'] - memory[0]['before']:.0f})")
    missed = [f"{goal['what']} {goals.shown(goal['value'])}, not {goals.shown(goal['must'])}"
              for goal in figures["goals"] if goals.broken([goal])]
    cells.append("MISSED: " + "; ".join(missed) if missed else "met")
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("resources", nargs="*", default=RESOURCES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dials", type=int, default=300)
    parser.add_argument("--echoes", type=int, default=3000)
    parser.add_argument("--output", type=pathlib.Path,
                        default=peers.ROOT / "out/bench-neighbours.json")
    arguments = parser.parse_args()
    long_link.enter_namespace()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    results = {}
    print(caption(arguments), HEADER, sep="\n")
    with tempfile.TemporaryDirectory(prefix="hawser-bench.") as temporary:
        folder = pathlib.Path(temporary)
        neighbours_target.ask_it_for_names(folder)
        (folder / "agent.yaml").write_text(AGENT_CONFIG)
        peers.Pki(folder / "pki")
        for name in (("client", "alice"), ("client", "bob"), ("agent", "greedy")):
            subprocess.run([peers.BIN / "cli/hawser", "pki", "--dir", folder / "pki", *name],
                           check=True, stdout=subprocess.DEVNULL)
        for resource in arguments.resources:
            figures = run(resource, folder, arguments)
            figures["goals"] = judged(figures)
            results[resource] = figures
            print(row(resource, figures), flush=True)
    goals.write(arguments.output, results)
    return int(any(goals.broken(figures["goals"]) for figures in results.values()))


if __name__ == "__main__":
    sys.exit(main())
