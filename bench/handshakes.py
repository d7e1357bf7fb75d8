#!/usr/bin/env python3
"""Measures what TLS handshakes of others cost an open connection, and what resumption is worth.

Strangers replay recorded first messages against the agents' port, which costs them nothing, while a
byte goes to and fro on an open tunnel. Then a hub is started anew with the ticket keys of the one
before, and clients come back with their sessions.

Writes out/handshakes.json. Exit code: 0 all goals are met, 1 one is not.
"""

import json
import os
import pathlib
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import peers

TICK = os.sysconf("SC_CLK_TCK")
GOAL = 20_000  # microseconds: the open connection's p99


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
    return subprocess.Popen([sys.executable, __file__, "flood", str(port), hello.hex(),
                             str(at_once), str(pause)])


def echo(peer, target, count):
    """Percentiles of a byte's way there and back, and the hub's CPUs meanwhile."""
    before, begun = cpu_seconds(peer.pids[0]), time.monotonic()
    done = subprocess.run(
        [peers.BIN / "bench/load", "echo", "--count", str(count), *peer.route, "--target", target],
        check=True, capture_output=True, text=True, timeout=120)
    cpus = (cpu_seconds(peer.pids[0]) - before) / (time.monotonic() - begun)
    return {**json.loads(done.stdout)["echo_us"], "hub_cpus": round(cpus, 2)}


def measure_floods(folder, pki, results):
    with peers.Processes(folder) as processes:
        target = peers.start_target(processes)
        hub = peers.start_hawser(processes, pki, target)
        port = processes.wait_for("hub", r"serving agents on \S*:(\d+)")
        results["quiet"] = echo(hub, target, 5000)
        for name, group, at_once, pause in (("1000_hellos_at_once", "X25519", 1000, 0.5),
                                            ("20_ffdhe8192_per_second", "ffdhe8192", 1, 0.05)):
            strangers = flooder(port, record_hello(group), at_once, pause)
            try:
                time.sleep(0.5)
                results[name] = echo(hub, target, 5000)
            finally:
                strangers.kill()
                strangers.wait()


def meet(context, port, session):
    """Connects as an agent; the session for the next time, and whether this one was resumed."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as tls:
            tls.recv(1)  # the ticket comes before the first byte
            return tls.session, tls.session_reused


def measure_resumption(folder, pki, results, count=300):
    keys = folder / "ticket-keys"
    keys.touch(mode=0o600)
    keys.write_bytes(secrets.token_bytes(80))
    context = ssl.create_default_context(cafile=pki.server_ca)
    context.load_cert_chain(pki.client / "tls.crt", pki.client / "tls.key")
    context.set_alpn_protocols(["h2"])
    sessions = [None] * count
    for name in ("full", "resumed_after_restart"):
        with peers.Processes(folder) as processes:
            target = peers.start_target(processes)
            hub = peers.start_hawser(processes, pki, target, f"--ticket-keys-file={keys}")
            port = int(processes.wait_for("hub", r"serving agents on \S*:(\d+)"))
            before, reused = cpu_seconds(hub.pids[0]), 0
            for i, session in enumerate(sessions):
                sessions[i], resumed = meet(context, port, session)
                reused += resumed
            spent = cpu_seconds(hub.pids[0]) - before
            results[name] = {"handshakes": count, "resumed": reused,
                             "hub_cpu_us": round(spent * 1e6 / count)}


def main():
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pki = peers.Pki(folder / "pki")
        measure_floods(folder, pki, results)
        measure_resumption(folder, pki, results)
    met = {name: results[name]["p99"] < GOAL
           for name in ("1000_hellos_at_once", "20_ffdhe8192_per_second")}
    met["resumed_after_restart"] = (results["resumed_after_restart"]["resumed"]
                                    == results["resumed_after_restart"]["handshakes"])
    for name, figures in results.items():
        verdict = {True: "met", False: "missed", None: ""}[met.get(name)]
        print(f"{name:26}{json.dumps(figures):62}{verdict}")
    out = peers.ROOT / "out/handshakes.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"results": results, "met": met}, indent=1))
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["flood"]:
        flood(int(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    sys.exit(main())
