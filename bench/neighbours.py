#!/usr/bin/env python3
"""What an innocent client feels, and what the hub pays, while somebody takes all of one thing.

For each resource: the client bob dials and echoes through the hub alone, then beside greedy.py. Its
dials must all succeed, its p99 stay within 1.5 times what it is alone, the hub's memory grow by 64
MiB at most, and fall again when the greedy one is gone.

Writes out/bench-neighbours.json. Exit code: 0 all goals are met, 1 one is not.
"""

import argparse
import contextlib
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import peers

RESOURCES = ("pending_dials", "buffered_bytes", "control_bytes", "sessions", "page_connections")
FACTOR = 1.5
FLOOR_MS = 1.0  # differences below are the machine's
MOST_MIB = 64
GIVEN_BACK_MIB = 24  # what may stay
GIVE_BACK_LIMIT = 30  # seconds


class Target:
    """Sends without end to who asks for it, echoes to everybody else; `stuck` accepts nobody."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.stuck = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.filling = []
        for _ in range(4):  # from here on its backlog is full, and the kernel drops requests
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self.stuck.getsockname())
            self.filling.append(filler)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def serve(connection):
        with contextlib.suppress(OSError), connection:
            while said := connection.recv(4096):
                while said == b"endless":
                    connection.sendall(bytes(65536))
                connection.sendall(said)


class Lab:
    """A hub with TLS front ends, and one agent of the cluster `bench`."""

    def __init__(self, folder, processes, stuck_port):
        self.pki = folder / "pki"
        peers.Pki(self.pki)
        for name in (("client", "alice"), ("client", "bob"), ("agent", "greedy")):
            subprocess.run([peers.BIN / "cli/hawser", "pki", "--dir", self.pki, *name], check=True,
                           stdout=subprocess.DEVNULL)
        self.ports = {name: peers.free_port()
                      for name in ("grpc", "connect", "agents", "health", "admin")}
        server = self.pki / "servers/hub"
        self.hub = processes.start(
            "hub", peers.BIN / "hub/proxy-server", "--mode=grpc,http-connect",
            f"--server-port={self.ports['grpc']}", "--server-bind-address=127.0.0.1",
            f"--http-connect-port={self.ports['connect']}",
            "--http-connect-bind-address=127.0.0.1", f"--agent-port={self.ports['agents']}",
            "--agent-bind-address=127.0.0.1", f"--health-port={self.ports['health']}",
            f"--admin-port={self.ports['admin']}", "--agent-identity=certificate",
            f"--server-cert={server}/tls.crt", f"--server-key={server}/tls.key",
            f"--server-ca-cert={self.pki}/ca/clients.crt", f"--cluster-cert={server}/tls.crt",
            f"--cluster-key={server}/tls.key", f"--cluster-ca-cert={self.pki}/ca/agents.crt",
            "--control-uds-name=")
        peers.wait_for_port(self.ports["agents"])
        agent = self.pki / "agents/bench"
        processes.start(
            "agent", peers.BIN / "spoke/proxy-agent", "--proxy-server-host=127.0.0.1",
            f"--proxy-server-port={self.ports['agents']}", "--health-server-port=0",
            "--admin-server-port=0", f"--agent-cert={agent}/tls.crt",
            f"--agent-key={agent}/tls.key", f"--ca-cert={self.pki}/ca/servers.crt",
            "--resolve=target=127.0.0.1")
        processes.wait_for("agent", r"(connected to server)")
        self.stuck = f"target.bench:{stuck_port}"

    def hub_mib(self):
        for line in pathlib.Path(f"/proc/{self.hub}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the hub is gone")

    def refusals(self):
        """What the hub counts as refused or taken back: by resource and limit."""
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.ports['admin']}/metrics", timeout=10)
        found = {}
        for line in page.read().decode().splitlines():
            if line.startswith(("hawser_refusals_total", "hawser_resets_total")):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def greedy(self, resource, processes, endless):
        name = f"greedy-{resource}"
        options = [f"--{port}={self.ports[port]}"
                   for port in ("connect", "grpc", "agents", "health")]
        # It would be on another machine: what it computes is not to be felt.
        processes.start(name, "nice", "-n", "19", sys.executable, peers.ROOT / "bench/greedy.py",
                        resource, f"--pki={self.pki}", f"--stuck={self.stuck}",
                        f"--endless={endless}", *options)
        processes.wait_for(name, r"^(greedy)$", limit=60)


class Bob:
    """The innocent client. Times in ms; dials are measured after the TLS handshake."""

    def __init__(self, lab, authority):
        self.context = ssl.create_default_context(cafile=f"{lab.pki}/ca/servers.crt")
        self.context.load_cert_chain(f"{lab.pki}/clients/bob/tls.crt",
                                     f"{lab.pki}/clients/bob/tls.key")
        self.port = lab.ports["connect"]
        self.health = lab.ports["health"]
        self.head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), 20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(plain, server_hostname="127.0.0.1")

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
            client, time_ms, opened = self.dial()
            client.close()
            taken.append(time_ms)
            failed += not opened
            unhealthy += number % 10 == 0 and not self.probe()
        client, _, _ = self.dial()
        echoed = []
        for _ in range(echoes):
            begin = time.perf_counter()
            client.sendall(b"x")
            client.recv(1)
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


def run(resource, folder, dials, echoes):
    target = Target()
    with peers.Processes(folder) as processes:
        lab = Lab(folder, processes, target.stuck.getsockname()[1])
        endless = f"target.bench:{target.listener.getsockname()[1]}"
        bob = Bob(lab, endless)
        bob.measure(dials // 4, echoes // 4)
        alone = bob.measure(dials, echoes)
        before = lab.hub_mib()
        with MemoryWatch(lab) as memory, peers.Processes(folder) as greedy:
            lab.greedy(resource, greedy, endless)
            beside = bob.measure(dials, echoes)
            refusals = lab.refusals()
        deadline = time.monotonic() + GIVE_BACK_LIMIT
        while lab.hub_mib() - before > GIVEN_BACK_MIB and time.monotonic() < deadline:
            time.sleep(0.5)
        after = lab.hub_mib()
    return {"alone": alone, "beside": beside, "hub_mib": {"before": before, "most": memory.most,
            "after": after}, "refusals": {name: n for name, n in refusals.items() if n > 0}}


def verdicts(figures):
    """(what, value, limit) of each goal."""
    alone, beside, memory = figures["alone"], figures["beside"], figures["hub_mib"]
    yield "failed dials", beside["failed_dials"], 0
    yield "failed probes", beside["failed_probes"], 0
    for name in ("dial_p99_ms", "echo_p99_ms"):
        yield name, beside[name], max(FACTOR * alone[name], alone[name] + FLOOR_MS)
    yield "hub grew by MiB", memory["most"] - memory["before"], MOST_MIB
    yield "MiB not given back", memory["after"] - memory["before"], GIVEN_BACK_MIB


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("resources", nargs="*", default=RESOURCES)
    parser.add_argument("--dials", type=int, default=400)
    parser.add_argument("--echoes", type=int, default=4000)
    parser.add_argument("--output", type=pathlib.Path,
                        default=peers.ROOT / "out/bench-neighbours.json")
    arguments = parser.parse_args()
    results = {}
    print("| taken by one | dial p99, ms (alone) | echo p99, ms (alone) | failed dials | "
          "hub, MiB more (after) |\n|---|---|---|---|---|")
    broken = []
    for resource in arguments.resources:
        with tempfile.TemporaryDirectory(prefix="hawser-bench.") as folder:
            figures = run(resource, pathlib.Path(folder), arguments.dials, arguments.echoes)
        figures["goals"] = [{"what": what, "value": value, "limit": limit, "met": value <= limit}
                            for what, value, limit in verdicts(figures)]
        results[resource] = figures
        alone, beside, memory = figures["alone"], figures["beside"], figures["hub_mib"]
        print(f"| {resource.replace('_', ' ')} "
              f"| {beside['dial_p99_ms']:.2f} ({alone['dial_p99_ms']:.2f}) "
              f"| {beside['echo_p99_ms']:.2f} ({alone['echo_p99_ms']:.2f}) "
              f"| {beside['failed_dials']} | {memory['most'] - memory['before']:.0f} "
              f"({memory['after'] - memory['before']:.0f}) |", flush=True)
        broken += [f"FAIL  {resource}: {goal['what']}: {goal['value']:.2f} (<= {goal['limit']:.2f})"
                   for goal in figures["goals"] if not goal["met"]]
    print("\n".join(broken) if broken else "pass  all goals are met")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
