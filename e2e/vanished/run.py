"""Connects, lets one end vanish, and waits for the other one to hear of it. All cases at once.

usage: run.py FOLDER_OF_BINARIES
"""
import concurrent.futures
import dataclasses
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from lab import AGENT_FLAGS, HUB_FLAGS, Daemon, await_, command

# Three probes, 15 s apart, after 15 s; two minutes without an acknowledgement. The rest is for the
# looks that are taken at it, and for a machine that has other things to do.
IDLE_LIMIT, UNACKNOWLEDGED_LIMIT = 60 + 30, 120 + 40
HERE, TARGET_PORT = "127.0.0.1", 7100
WORD = b"hello"


@dataclasses.dataclass(frozen=True)
class Case:
    number: int
    who: str  # vanishes: "client" or "target"
    idle: bool  # or the other one sends without end

    @property
    def target(self):
        """Its address, which nobody else has."""
        return f"127.0.1.{self.number}"

    @property
    def client(self):
        return f"127.0.2.{self.number}"

    @property
    def limit(self):
        return IDLE_LIMIT if self.idle else UNACKNOWLEDGED_LIMIT

    def __str__(self):
        return f"a {self.who} that vanishes {'in silence' if self.idle else 'while it is sent to'}"


CASES = [Case(1, "client", True), Case(2, "client", False),
         Case(3, "target", True), Case(4, "target", False)]


def drop(address):
    """No packet from or to it arrives any more, and nobody says so."""
    for side in ("saddr", "daddr"):
        subprocess.run(["nft", "add", "rule", "inet", "vanished", "loss", "ip", side, address,
                        "drop"], check=True)


def all_is_acknowledged(case):
    """Or there would be something that waits for an acknowledgement after all."""
    listed = subprocess.run(["ss", "-tnH"], check=True, capture_output=True, text=True).stdout
    sockets = [line.split() for line in listed.splitlines()
               if case.client in line or case.target in line]
    return all(send_queue == "0" for state, receive_queue, send_queue, *ends in sockets)


def connect(case):
    """A tunnel of the client alice's, by CONNECT over TLS."""
    context = ssl.create_default_context(cafile="pki/clients/alice/ca.crt")
    context.load_cert_chain("pki/clients/alice/tls.crt", "pki/clients/alice/tls.key")
    plain = socket.create_connection((HERE, 8088), 10, (case.client, 0))
    # An end without close_notify is an error, as it is a reset.
    client = context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
    authority = f"t{case.number}.paris:{TARGET_PORT}"
    client.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(f"the hub says {head[:100]}")
    return client


def hear(end, case):
    """Waits until `end` hears that the connection is over; what it hears."""
    end.settimeout(case.limit)
    try:
        if case.idle:
            return "an orderly end" if end.recv(1) == b"" else "a byte"
        while True:
            end.sendall(bytes(65536))
    except TimeoutError:
        return "nothing"
    except OSError:
        return "a reset"


def run(case):
    """What is wrong, and after how many seconds it was known."""
    with socket.create_server((case.target, TARGET_PORT)) as server:
        client = connect(case)
        target = server.accept()[0]
    for sender, receiver in ((client, target), (target, client)):
        sender.sendall(WORD)
        if receiver.recv(len(WORD)) != WORD:
            raise ConnectionError("the tunnel does not work")
    await_(lambda: all_is_acknowledged(case), "all to be acknowledged")
    drop(case.client if case.who == "client" else case.target)
    began = time.monotonic()
    heard = hear(target if case.who == "client" else client, case)
    return heard, time.monotonic() - began


def main():
    binaries = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="hawser-vanished.") as folder:
        os.chdir(folder)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        rules = "table inet vanished { chain loss { type filter hook output priority 0; }; }"
        subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True)
        for what in (["init"], ["server", "hub", "--san", "dns:localhost"], ["client", "alice"],
                     ["agent", "paris"]):
            subprocess.run([f"{binaries}/cli/hawser", "pki", *what], check=True,
                           stdout=subprocess.DEVNULL)
        names = ",".join(f"t{case.number}={case.target}" for case in CASES)
        hub = Daemon("hub", command(f"{binaries}/hub/proxy-server", HUB_FLAGS))
        Daemon("agent", command(f"{binaries}/spoke/proxy-agent", {**AGENT_FLAGS, "resolve": names}))
        hub.await_line("agent connected")
        failed = 0
        with concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
            for case, (heard, seconds) in zip(CASES, pool.map(run, CASES)):
                failed += heard != "a reset"
                print(f"{'ok' if heard == 'a reset' else 'FAILED'}: {case}: the other end hears "
                      f"{heard} after {seconds:.0f} s", flush=True)
        print(f"vanished: {len(CASES) - failed} passed, {failed} failed")
        os.chdir("/")
    sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
