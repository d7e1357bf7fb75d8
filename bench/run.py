#!/usr/bin/env python3
"""Measures Hawser against haproxy, stunnel and plain TCP, and checks the floors that must hold.

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

import peers
import report

LOAD_LIMIT = 120  # seconds for one measurement


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

    results = report.Results(rounds)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    if not results.is_steady():
        print(f"no report: direct TCP moved by {results.drift():.0%} during the run "
              f"(at most {report.MAX_DRIFT:.0%}); raw figures are in {arguments.output}")
        return 2
    print(results.table())
    print(results.floors_text())
    return 0 if results.floors_hold() else 1


if __name__ == "__main__":
    sys.exit(main())
