#!/usr/bin/env python3
"""Measures what TLS handshakes of others cost an open connection, and what resumption is worth.

Strangers replay recorded first messages against the agents' port, which costs them nothing, while a
byte goes to and fro on an open tunnel. Then a hub is started anew with the ticket keys of the one
before, and clients come back with their sessions.

Figures are medians over the rounds with their spread. Writes out/handshakes.json. Exit code: 0 all
goals are met, 1 one is not, 2 the machine was not steady: the tunnel alone, before or after the
floods, was too slow to tell.
"""

import argparse
import os
import pathlib
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import goals
import peers
import report
from goals import Goal
from report import Row

TICK = os.sysconf("SC_CLK_TCK")
SECONDS = 2
COMING_BACK = 300  # clients
GOAL_MS = 20  # the open connection's p99
STEADY_MS = GOAL_MS / 2  # at most, when nobody disturbs it
QUIET = ("quiet", "quiet_again")

# (key, title, group, first messages at once, seconds until there are as many again)
FLOODS = (
    ("quiet", "nothing", "X25519", 0, 1),
    ("1000_hellos_at_once", "1,000 first messages at once", "X25519", 1000, 60),
    ("20_ffdhe8192_per_second", "20 first messages a second for ffdhe8192", "ffdhe8192", 1, 0.05),
    ("quiet_again", "nothing, afterwards", "X25519", 0, 1),
)
ROWS = (
    *(row for key, title, *_ in FLOODS for row in (
        Row(f"echo p50 beside {title}", f"{key}.p50", "ms", 1e-3),
        Row(f"echo p99 beside {title}", f"{key}.p99", "ms", 1e-3,
            () if key in QUIET else (Goal(GOAL_MS),)))),
    *(Row(f"hub, beside {title}", f"{key}.hub_cpus", "processors")
      for key, title, *_ in FLOODS if key not in QUIET),
    Row(f"handshakes of {COMING_BACK} that are resumed after a restart",
        "resumed_after_restart.resumed", goals=(Goal(COMING_BACK, at_least=True, every=True),)),
    Row("hub, full handshake", "full.hub_cpu_us", "us of CPU"),
    Row("hub, resumed handshake", "resumed_after_restart.hub_cpu_us", "us of CPU"),
)


def record_hello(group):
    """The first message of a TLS client that wants that group."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-alpn", "h2", "-tls1_3",
             "-groups", group],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection, _ = listener.accept()
        with connection:
            hello = connection.recv(65536)
        client.kill()
        client.communicate()
    return hello


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def say_hello(port, hello):
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", port))
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            connection.send(hello)
            break
        except BlockingIOError:
            time.sleep(0.0001)
        except OSError:  # refused
            break
    return connection


def flood(port, hello, at_once, pause):
    """In a process of its own, until it is killed: so many hellos at once, again after a pause."""
    while True:
        strangers = [say_hello(port, hello) for _ in range(at_once)]
        time.sleep(pause)
        for stranger in strangers:
            stranger.close()


def flooder(port, hello, at_once, pause):
    # Strangers compute elsewhere: here they leave the processors to what is measured.
    return subprocess.Popen([sys.executable, __file__, "flood", str(port), hello.hex(),
                             str(at_once), str(pause)], preexec_fn=lambda: os.nice(10))


def open_echo(peer):
    """A tunnel to the target, which sends back what it gets from now on."""
    _, via, _, target = peer.route
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(via.removeprefix("unix:"))
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert b" 200 " in connection.recv(4096)
    connection.sendall(b"POST /echo HTTP/1.1\r\n\r\n.")
    head = b""
    while not head.endswith(b"\r\n\r\n."):
        head += connection.recv(4096)
    return connection


def echo_in_time(connection, seconds):
    """Microseconds of a byte's way there and back, by percentile. One is due each millisecond and
    counts from then on: a delay is felt by all that are due meanwhile."""
    samples, due = [], time.monotonic()
    end = due + seconds
    while due < end:
        time.sleep(max(0, due - time.monotonic()))
        connection.sendall(b".")
        connection.recv(1)
        samples.append(time.monotonic() - due)
        due += 0.001
    samples.sort()
    return {name: round(samples[int(share * (len(samples) - 1))] * 1e6)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))}


def measure_floods(folder, pki, results):
    with peers.Processes(folder) as processes:
        target = peers.start_target(processes)
        hub = peers.start_hawser(processes, pki, target)
        port = processes.wait_for("hub", r"serving agents on \S*:(\d+)")
        connection = open_echo(hub)
        echo_in_time(connection, 0.5)
        for name, _, group, at_once, pause in FLOODS:
            hello = record_hello(group)
            before, begun = cpu_seconds(hub.pids[0]), time.monotonic()
            strangers = flooder(port, hello, at_once, pause)
            try:
                measured = echo_in_time(connection, SECONDS)
            finally:
                strangers.kill()
                strangers.wait()
            cpus = (cpu_seconds(hub.pids[0]) - before) / (time.monotonic() - begun)
            results[name] = {**measured, "hub_cpus": round(cpus, 2)}


def meet(context, port, session):
    """Connects as an agent; the session for the next time, and whether this one was resumed."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as tls:
            tls.recv(1)  # the ticket comes before the first byte
            return tls.session, tls.session_reused


def measure_resumption(folder, pki, results, count=COMING_BACK):
    keys = folder / "ticket-keys"
    keys.touch(mode=0o600)
    keys.write_bytes(secrets.token_bytes(80))
    context = ssl.create_default_context(cafile=pki.server_ca)
    context.load_cert_chain(pki.client / "tls.crt", pki.client / "tls.key")
    context.set_alpn_protocols(["h2"])

    def all_meet(sessions):
        before = cpu_seconds(hub.pids[0])
        met = [meet(context, port, session) for session in sessions]
        spent = cpu_seconds(hub.pids[0]) - before
        return [session for session, _ in met], {"handshakes": count,
                                                 "resumed": sum(resumed for _, resumed in met),
                                                 "hub_cpu_us": round(spent * 1e6 / count)}

    strangers = [None] * count
    sessions = strangers
    for name in ("before_restart", "resumed_after_restart"):
        with peers.Processes(folder) as processes:
            target = peers.start_target(processes)
            hub = peers.start_hawser(processes, pki, target, f"--ticket-keys-file={keys}")
            port = int(processes.wait_for("hub", r"serving agents on \S*:(\d+)"))
            sessions, results[name] = all_meet(sessions)
            _, results["full"] = all_meet(strangers)
    del results["before_restart"]


def run_round(folder, pki):
    """{peer: {figure: value}}"""
    results = {}
    measure_floods(folder, pki, results)
    measure_resumption(folder, pki, results)
    return {report.OURS: {key: value for name, figures in results.items()
                          for key, value in report.flatten(name, figures).items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=pathlib.Path, default=peers.ROOT / "out/handshakes.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pki = peers.Pki(folder / "pki")
        results = report.Results([run_round(folder, pki) for _ in range(arguments.rounds)], ROWS)
    steady = all(results.median(report.OURS, f"{name}.p99") < STEADY_MS * 1000 for name in QUIET)
    content = results.as_json(steady=steady)
    goals.write(arguments.output, content)
    print(results.table(verdicts=steady))
    if not steady:
        print("the machine was not steady: no verdict", file=sys.stderr)
        return 2
    return int(goals.broken(content["goals"]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["flood"]:
        flood(int(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    sys.exit(main())
