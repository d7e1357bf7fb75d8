#!/usr/bin/env python3
"""Measures Hawser over long links, beside haproxy and, where HAWSER_REF_SERVER and HAWSER_REF_AGENT
name its programs, beside Konnectivity.

The links are emulated (bench/link.cc), between network namespaces of this program's own; no root is
needed. The client and the hub are at the near end, the agent and the target at the far end. Rounds
are interleaved: each figure is taken from one peer after the other. Clients CONNECT through a Unix
socket, but for the figures of our client library: its are those of `hawser port-forward`, through
the gRPC front end. Writes out/wan.json. Exit code: 0 all goals are met or not due yet, 1 one is
missed.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

import goals
import long_link
import peers
import report
import wan_rows

LOAD_LIMIT = 120  # seconds for one measurement
OLD = 20  # seconds: the age of a link that is not new
# Links forget what they knew of earlier ones; everything else is as the machine has it.
SETTINGS = {"net/ipv4/tcp_no_metrics_save": "1"}
# A TCP connection may have as much on its way as the longest of the links holds.
TUNED = {"net/ipv4/tcp_wmem": "4096 16384 67108864", "net/ipv4/tcp_rmem": "4096 131072 67108864"}
STARTERS = {"direct": peers.start_direct, "hawser": peers.start_hawser,
            "reference": peers.start_reference, "haproxy": peers.start_haproxy}
TUNNELS = ("hawser", "reference", "haproxy")


@dataclass
class Figure:
    key: str
    load: list  # options of the load driver
    names: tuple = ("direct", *TUNNELS)
    old: bool = False  # on a link of some age instead of a new one
    driver: str = "load"
    forwarded: bool = False  # through our client library
    switched: bool = False  # to an agent of Konnectivity's


@dataclass
class Scenario:
    link: dict
    figures: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)


def throughput(key, direction, connections, seconds, **options):
    return Figure(key, ["throughput", "--direction", direction, "--connections", str(connections),
                        "--seconds", str(seconds)], **options)


def scenarios():
    for trip in (50, 150):
        # The bottleneck queues as much as is on its way.
        link = {"delay_ms": trip / 2, "mbit": 1000, "queue_bytes": trip * 1_000_000 // 8,
                "large_segments": True}

        def figures(age, old=False):
            return [throughput(f"w1.{trip}ms.{age}.{direction}.{connections}", direction,
                               connections, 5, old=old)
                    for direction in ("down", "up") for connections in (1, 4)]
        library = [throughput(f"w1.{trip}ms.library.{direction}.{connections}", direction,
                              connections, 5, names=("hawser",), forwarded=True)
                   for direction in ("down", "up") for connections in (1, 4) if trip == 50]
        switched = [throughput(f"w1.{trip}ms.switched.{direction}.{connections}", direction,
                               connections, 5, names=("hawser",), switched=True)
                    for direction in ("down", "up") for connections in (1, 4) if peers.reference()]
        yield Scenario(link, figures("new") + library + switched + figures("old", old=True))
        yield Scenario(link, figures("tuned"), TUNED)
    yield Scenario({"delay_ms": 25, "mbit": 1000, "queue_bytes": 6_000_000, "loss": 0.01},
                   [throughput(f"w2.down.{connections}", "down", connections, 5)
                    for connections in (1, 4)])
    yield Scenario({"delay_ms": 5, "mbit": 200, "queue_bytes": 250_000},
                   [Figure(f"w3.beside.{bulk}", ["echo", "--count", "150", "--bulk", str(bulk)])
                    for bulk in (0, 1, 8, 64)])
    yield Scenario({"delay_ms": 25, "mbit": 1000, "queue_bytes": 6_000_000},
                   [Figure("w4.dial", ["dial", "--count", "20"]),
                    Figure("w4.early", ["dial", "--count", "20", "--at-once"]),
                    Figure("w4.client", ["--count", "20"], ("hawser",), driver="client_load")])


def measure(peer, target, figure):
    ours = figure.driver == "client_load"
    route = peer.client_route if ours else [*peer.route, "--target", target]
    done = subprocess.run([peers.BIN / "bench" / figure.driver, *figure.load, *route],
                          capture_output=True, text=True, timeout=LOAD_LIMIT)
    if done.returncode != 0:
        raise RuntimeError(f"{peer.name}: {figure.key}: {done.stderr.strip()}")
    return json.loads(done.stdout)


class Round:
    """One pass over the figures that are asked for."""

    def __init__(self, folder, names, wanted):
        self._folder = folder
        self._names = names
        self._wanted = wanted
        # What scenarios change is as the machine has it in all the others.
        self._kernel = {path: pathlib.Path("/proc/sys", path).read_text().strip() for path in TUNED}
        self.results = {}  # {peer: {figure: value}}

    def run(self, scenario):
        figures = [figure for figure in scenario.figures if re.search(self._wanted, figure.key)]
        if not figures:
            return
        with long_link.LongLink(self._folder, **scenario.link) as link:
            long_link.set_in_all_namespaces(
                link, {**SETTINGS, **self._kernel, **scenario.settings})
            place = peers.Place(link.NEAR, link.FAR, link.far)
            pki = peers.Pki(pathlib.Path(tempfile.mkdtemp(dir=self._folder)), place)
            for figure in figures:
                if not figure.old:
                    for name in self._of(figure):
                        with peers.Processes(self._folder) as processes:
                            target = peers.start_target(processes, place)
                            start = peers.start_switched if figure.switched else STARTERS[name]
                            peer = start(processes, pki, target, place=place)
                            if figure.forwarded:
                                peer = peers.start_forward(processes, peer)
                            self._take(peer, target, figure)
            old = [figure for figure in figures if figure.old]
            if not old:
                return
            with peers.Processes(self._folder) as processes:
                target = peers.start_target(processes, place)
                running = [STARTERS[name](processes, pki, target, place=place)
                           for name in self._names]
                time.sleep(OLD)
                for figure in old:
                    for peer in running:
                        if peer.name in figure.names:
                            self._take(peer, target, figure)

    def _of(self, figure):
        return [name for name in self._names if name in figure.names]

    def _take(self, peer, target, figure):
        result = measure(peer, target, figure)
        for key, value in report.flatten(figure.key, result).items():
            self.results.setdefault(peer.name, {})[key] = value
        print(f"{figure.key} {peer.name}: {json.dumps(result)}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="figures that match this expression")
    parser.add_argument("--peers", default=",".join(STARTERS), help="comma list")
    parser.add_argument("--output", type=pathlib.Path, default=peers.ROOT / "out/wan.json")
    arguments = parser.parse_args()
    long_link.enter_namespace()

    names = [name for name in arguments.peers.split(",")
             if name != "reference" or peers.reference()]
    rounds = []
    with tempfile.TemporaryDirectory(prefix="hawser-wan.") as temporary:
        for number in range(1, arguments.rounds + 1):
            print(f"round {number} of {arguments.rounds}", file=sys.stderr, flush=True)
            one = Round(pathlib.Path(temporary), names, arguments.only)
            for scenario in scenarios():
                one.run(scenario)
            rounds.append(one.results)
    results = report.Results(rounds, wan_rows.ROWS)
    content = results.as_json()
    goals.write(arguments.output, content)
    print(results.table())
    return int(goals.broken(content["goals"]))


if __name__ == "__main__":
    sys.exit(main())
