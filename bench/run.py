#!/usr/bin/env python3
"""Measures Hawser against haproxy, stunnel and plain TCP, beside its goals and the floors that must
hold until they are met.

Rounds are interleaved: in each, every peer is started afresh and every figure is taken from one
peer after the other. Figures are medians over the rounds with their spread; ratios are medians of
each round's ratio. There is no report when the direct connection itself moved by more than a fifth.

Writes out/bench.json. Exit code: 0 all floors hold, 1 one is broken, 2 the machine was not steady.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile

import goals
import peers
import report
from goals import Goal
from report import Row

LOAD_LIMIT = 120  # seconds for one measurement
MAX_DRIFT = 0.2  # of the direct connection, (max - min) / median
BASELINE = "down_1.gbit_per_second"
FLOWS = [(count, direction) for count in (1, 8) for direction in ("down", "up")]
MUST = {1: 1.3, 8: 1.4}  # throughput
STRETCH = {1: 1.8, 8: 2.0}

ROWS = (
    *(Row(f"throughput, {count} connection{'s' * (count > 1)}, {direction}",
          f"{direction}_{count}.gbit_per_second", "Gbit/s",
          goals=(Goal(MUST[count], True, "T3", floor=0.8, stretch=STRETCH[count],
                      peer="haproxy"),))
      for count, direction in FLOWS),
    *(Row(f"CPU of both ends, {count} connection{'s' * (count > 1)}, {direction}",
          f"{direction}_{count}.cpu_seconds_per_gib", "s/GiB",
          goals=(Goal(0.65, name="C1", floor=1.0, stretch=0.5, peer="haproxy"),))
      for count, direction in FLOWS),
    Row("dial p50", "dial.dial_us.p50", "us"),
    Row("dial p99", "dial.dial_us.p99", "us"),
    Row("dial + echo p50", "dial.dial_echo_us.p50", "us",
        goals=(Goal(0.3, name="L1", floor=0.4, stretch=0.2, peer="haproxy"),)),
    Row("dial + echo p99", "dial.dial_echo_us.p99", "us"),
    Row("echo p50", "echo.echo_us.p50", "us"),
    Row("echo p99", "echo.echo_us.p99", "us"),
    Row("connections/s, 16 in parallel", "rate.connections_per_second", "/s"),
    *(Row(f"idle connection, {end}", f"idle.idle_bytes.{number}", "kB", 1e-3,
          (Goal(1.0, name=name, floor=4, stretch=0.6),))
      for number, name, end in ((0, "M1", "hub or client's end"),
                                (1, "M2", "agent or server's end"))),
    *(row for unread in (1, 100) for row in (
        Row(f"throughput, 1 connection, down, beside {unread} unread",
            f"down_1_beside_{unread}.gbit_per_second", "Gbit/s",
            goals=(Goal(0.9, True, "H1", stretch=0.97, peer=report.OURS, figure=BASELINE),)),
        Row(f"dial p99 beside {unread} unread", f"dial_beside_{unread}.dial_us.p99", "us",
            goals=(Goal(1.5, name="H2", floor=2, stretch=1.15, peer=report.OURS,
                        figure="dial.dial_us.p99"),)))),
)


def measurements(quick):
    """(key, options of the load driver, names of the peers it is for)"""
    seconds = "1" if quick else "2.5"
    dials = "300" if quick else "1000"
    tunnels = ("hawser", "haproxy", "stunnel")
    yield "idle", ["idle", "--count", "1000" if quick else "4000"], tunnels
    for connections in ("1", "8"):
        for direction in ("down", "up"):
            yield (f"{direction}_{connections}",
                   ["throughput", "--direction", direction, "--connections", connections,
                    "--seconds", seconds], ("direct", *tunnels))
    yield "dial", ["dial", "--count", dials], ("direct", *tunnels)
    yield "echo", ["echo", "--count", "3000"], ("direct", *tunnels)
    yield "rate", ["rate", "--parallel", "16", "--seconds", seconds], tunnels
    for unread in ("1", "100"):
        yield (f"down_1_beside_{unread}",
               ["throughput", "--unread", unread, "--seconds", seconds], ("hawser",))
        yield f"dial_beside_{unread}", ["dial", "--unread", unread, "--count", dials], ("hawser",)


def measure(peer, target, options):
    pids = ["--pids", ",".join(map(str, peer.pids))] if peer.pids else []
    done = subprocess.run(
        [peers.BIN / "bench/load", *options, *peer.route, "--target", target, *pids],
        capture_output=True, text=True, timeout=LOAD_LIMIT)
    if done.returncode != 0:
        raise RuntimeError(f"{peer.name}: {' '.join(options)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def run_round(pki, folder, quick):
    """{peer: {figure: value}} of one round."""
    figures = {}
    with peers.Processes(folder) as processes:
        target = peers.start_target(processes)
        running = [start(processes, pki, target) for start in peers.STARTERS]
        for key, options, names in measurements(quick):
            for peer in running:
                if peer.name in names:
                    result = report.flatten(key, measure(peer, target, options))
                    figures.setdefault(peer.name, {}).update(result)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two short rounds, for a first look")
    parser.add_argument("--output", type=pathlib.Path, default=peers.ROOT / "out/bench.json")
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    rounds = []
    count = 2 if arguments.quick else arguments.rounds
    with tempfile.TemporaryDirectory(prefix="hawser-bench.") as temporary:
        folder = pathlib.Path(temporary)
        pki = peers.Pki(folder / "pki")
        for number in range(1, count + 1):
            print(f"round {number} of {count}", file=sys.stderr, flush=True)
            rounds.append(run_round(pki, folder, arguments.quick))

    results = report.Results(rounds, ROWS)
    direct = results.values("direct", BASELINE)
    drift = (max(direct) - min(direct)) / results.median("direct", BASELINE)
    steady = drift <= MAX_DRIFT
    content = results.as_json(steady=steady, drift=drift)
    goals.write(arguments.output, content)
    if not steady:
        print(f"no report: direct TCP moved by {drift:.0%} during the run "
              f"(at most {MAX_DRIFT:.0%}); raw figures are in {arguments.output}")
        return 2
    print(results.table())
    return int(goals.broken(content["goals"]))


if __name__ == "__main__":
    sys.exit(main())
