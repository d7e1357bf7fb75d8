#!/usr/bin/env python3
"""Compares the tunnel with others on this machine, in interleaved rounds, and checks the floors.

usage: run.py [--rounds N] [--seconds S] [--peers hawser,haproxy,stunnel] [--quick]

Prints medians with their spread and the ratio to the haproxy pair; writes out/bench.json. Exits 1
when a floor is missed, 2 when the machine was too uneven to tell (the direct baseline moved by more
than a fifth).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from peers import BIN, PEERS, ROOT, Processes, make_pki, start_target


def measure(route, target, words, unread=0):
    """One run of the load driver; what it printed."""
    command = [BIN / "bench/load", "--via", route["via"], "--target", target]
    if route["connect"]:
        command += ["--connect", route["connect"]]
    if route["pids"]:
        command += ["--pids", ",".join(map(str, route["pids"]))]
    if unread:
        command += ["--unread", unread]
    result = subprocess.run([str(word) for word in command + words], capture_output=True,
                            text=True, timeout=120)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))} via {route['via']}: {result.stderr}")
    return json.loads(result.stdout)


def round_of(route, target, options):
    """Every figure of one route, by name."""
    figures = {}
    for direction in ("down", "up"):
        for connections in (1, 8):
            answer = measure(route, target, ["throughput", "--direction", direction,
                                             "--connections", connections,
                                             "--seconds", options.seconds])
            name = f"{direction} {connections}"
            figures[f"Gbit/s {name}"] = answer["gbit_per_second"]
            if route["pids"]:
                figures[f"CPU s/GiB {name}"] = answer["cpu_seconds_per_gib"]
    dial = measure(route, target, ["dial", "--count", options.count])
    for name in ("dial_us", "dial_echo_us"):
        for percentile in ("p50", "p99"):
            figures[f"{name} {percentile}"] = dial[name][percentile]
    echo = measure(route, target, ["echo", "--count", options.count])["echo_us"]
    figures["echo_us p50"], figures["echo_us p99"] = echo["p50"], echo["p99"]
    rate = measure(route, target, ["rate", "--seconds", options.seconds])
    figures["connections/s"] = rate["connections_per_second"]
    return figures


def idle_round(route, target):
    """Memory per idle connection, at each end."""
    idle = measure(route, target, ["idle", "--count", 1000])["idle_bytes"]
    return {"idle bytes hub": idle[0], "idle bytes agent": idle[1]}


def unread_round(route, target, options, unread):
    """The healthy connections beside unread ones."""
    throughput = measure(route, target, ["throughput", "--seconds", options.seconds], unread)
    dial = measure(route, target, ["dial", "--count", options.count], unread)
    return {f"Gbit/s beside {unread} unread": throughput["gbit_per_second"],
            f"dial_us p99 beside {unread} unread": dial["dial_us"]["p99"]}


def run(options):
    """All rounds; {peer: {figure: [values]}}."""
    values = {}
    with tempfile.TemporaryDirectory(prefix="hawser-bench.") as name:
        folder = Path(name)
        processes = Processes(folder)
        try:
            target = start_target(processes)
            pki = make_pki(folder)
            routes = {peer: PEERS[peer](processes, pki, target)
                      for peer in ["direct"] + options.peers}
            for number in range(options.rounds):
                for peer, route in routes.items():
                    print(f"round {number + 1} of {options.rounds}: {peer}", file=sys.stderr)
                    figures = round_of(route, target, options)
                    if peer == "hawser":
                        figures |= idle_round(route, target)
                        for unread in (1, 100):
                            figures |= unread_round(route, target, options, unread)
                    for figure, value in figures.items():
                        values.setdefault(peer, {}).setdefault(figure, []).append(value)
        finally:
            processes.stop()
    return values


def floors(median):
    """[(what, value, limit, whether it holds)]"""
    ours, haproxy = median["hawser"], median["haproxy"]
    rows = []

    def at_least(what, value, limit):
        rows.append((what, value, f">= {limit}", value >= limit))

    def at_most(what, value, limit):
        rows.append((what, value, f"<= {limit}", value <= limit))

    for name in ("down 1", "down 8", "up 1", "up 8"):
        at_least(f"throughput {name}, of haproxy", ours[f"Gbit/s {name}"] /
                 haproxy[f"Gbit/s {name}"], 0.8)
        at_most(f"CPU per GiB {name}, of haproxy", ours[f"CPU s/GiB {name}"] /
                haproxy[f"CPU s/GiB {name}"], 1.0)
    at_most("dial + echo p50, of haproxy",
            ours["dial_echo_us p50"] / haproxy["dial_echo_us p50"], 0.4)
    at_least("throughput beside 100 unread, of alone",
             ours["Gbit/s beside 100 unread"] / ours["Gbit/s down 1"], 0.9)
    at_most("dial p99 beside 100 unread, of alone",
            ours["dial_us p99 beside 100 unread"] / ours["dial_us p99"], 2.0)
    at_most("idle connection at the hub, kB", ours["idle bytes hub"] / 1000, 4)
    at_most("idle connection at the agent, kB", ours["idle bytes agent"] / 1000, 4)
    return rows


def report(values):
    """Prints the tables; returns whether every floor holds."""
    median = {peer: {figure: statistics.median(runs) for figure, runs in figures.items()}
              for peer, figures in values.items()}
    peers = list(values)
    print(f"{'median (min-max)':30}" + "".join(f"{peer:>26}" for peer in peers))
    for figure in values["hawser"]:
        row = f"{figure:30}"
        for peer in peers:
            runs = values[peer].get(figure)
            text = "" if not runs else \
                f"{median[peer][figure]:.4g} ({min(runs):.4g}-{max(runs):.4g})"
            row += f"{text:>26}"
        print(row)
    if "haproxy" not in values:
        return True
    print()
    rows = floors(median)
    for what, value, limit, holds in rows:
        print(f"{'ok  ' if holds else 'MISS'}  {what:45} {value:8.2f}  {limit}")
    return all(row[3] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--count", type=int, default=1000, help="dials and echoes per round")
    parser.add_argument("--peers", default="hawser,haproxy,stunnel",
                        type=lambda text: text.split(","))
    parser.add_argument("--quick", action="store_true", help="one short round")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.count = 1, 0.5, 200
    values = run(options)
    (ROOT / "out").mkdir(exist_ok=True)
    (ROOT / "out/bench.json").write_text(json.dumps(values, indent=1) + "\n")
    good = report(values)
    baseline = values["direct"]["Gbit/s down 1"]
    if max(baseline) - min(baseline) > 0.2 * statistics.median(baseline):
        print("the direct baseline moved by more than a fifth: no verdict")
        return 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
