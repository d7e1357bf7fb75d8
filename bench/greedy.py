#!/usr/bin/env python3
"""One client, spoke or stranger that takes all it can of one thing, until it is killed.

usage: greedy.py RESOURCE --pki FOLDER --connect PORT --grpc PORT --agents PORT --health PORT
                          --stuck HOST:PORT --endless HOST:PORT

It prints "greedy" once it has taken what it got at first, and goes on taking.
"""

import argparse
import contextlib
import itertools
import os
import resource
import socket
import ssl
import struct
import time

HEADERS, SETTINGS, DATA = 1, 4, 0
END_HEADERS = 4
SET_INITIAL_WINDOW = 4
MOST = 2000  # connections, streams


def tls(arguments, kind, name, port, protocol):
    folder = f"{arguments.pki}/{kind}/{name}"
    context = ssl.create_default_context(cafile=f"{arguments.pki}/ca/servers.crt")
    context.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
    context.set_alpn_protocols([protocol])
    plain = socket.create_connection(("127.0.0.1", port), 10)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def ask(arguments, authority):
    """A CONNECT of alice's, unanswered yet."""
    client = tls(arguments, "clients", "alice", arguments.connect, "http/1.1")
    client.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    return client


class Http2:
    """HTTP/2 and gRPC written by hand, so that any window and any message can be sent."""

    def __init__(self, connection, window=65535):
        self.connection = connection
        self.streams = -1
        self.connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.frame(SETTINGS, 0, 0, struct.pack(">HI", SET_INITIAL_WINDOW, window))

    def frame(self, kind, flags, stream, payload):
        self.connection.sendall(
            struct.pack(">IBBI", len(payload), kind, flags, stream)[1:] + payload)

    def call(self, path, *more):
        def literal(content):
            return bytes([len(content)]) + content.encode()
        head = [(":method", "POST"), (":scheme", "https"), (":path", path),
                (":authority", "hub"), ("content-type", "application/grpc"), ("te", "trailers"),
                *more]
        self.streams += 2
        self.frame(HEADERS, END_HEADERS, self.streams,
                   b"".join(b"\0" + literal(name) + literal(value) for name, value in head))
        return self.streams

    def forget(self):
        """Throws away what has arrived."""
        self.connection.setblocking(False)
        try:
            while self.connection.recv(65536):
                pass
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        self.connection.setblocking(True)


def dial_request(authority, dial):
    """A gRPC message with a DIAL_REQ, Konnectivity's client.proto."""
    def text(field, content):
        return bytes([field << 3 | 2, len(content)]) + content
    request = text(1, b"tcp") + text(2, authority.encode()) + bytes([3 << 3, dial])
    packet = bytes([1 << 3, 0]) + text(2, request)
    return b"\0" + struct.pack(">I", len(packet)) + packet


def keep_dialling(arguments, targets):
    """Some 2,000 dials at a time, renewed every second."""
    clients = []
    for count in itertools.count(1):
        clients.append(Http2(tls(arguments, "clients", "alice", arguments.grpc, "h2")))
        for dial in range(700):
            stream = clients[-1].call("/ProxyService/Proxy")
            clients[-1].frame(DATA, 0, stream, dial_request(next(targets), dial % 100 + 1))
            if dial % 50 == 0:
                clients[-1].forget()
        if len(clients) > 3:
            clients.pop(0).connection.close()
        if count >= 3:
            yield
            time.sleep(1)


def pending_dials(arguments):
    """Dials of alice's to an address that never answers."""
    return keep_dialling(arguments, itertools.repeat(arguments.stuck))


def lookups(arguments):
    """Dials of alice's to names that are never answered for."""
    return keep_dialling(arguments, (f"n{n}.dead.test.bench:80" for n in itertools.count()))


def more_and_more(take, most, told_at):
    """Takes one after the other and keeps them all, `told_at` of them before anybody is told."""
    taken = []
    for count in range(most):
        try:
            taken.append(take())
        except OSError:
            time.sleep(0.1)
        if count == told_at:
            yield
    while True:
        time.sleep(1)


def connections(arguments):
    """Connections of alice's that are open and idle."""
    return more_and_more(lambda: ask(arguments, arguments.endless), 2 * MOST, 1300)


def descriptors(arguments):
    """Tunnels of alice's, more and more of them, of both kinds in turn."""
    clients, http2 = [], []
    for count in range(MOST):
        try:
            clients.append(ask(arguments, arguments.endless))
            if count % 500 == 0:
                http2.append(Http2(tls(arguments, "clients", "alice", arguments.grpc, "h2")))
            message = dial_request(arguments.endless, 7)
            http2[-1].frame(DATA, 0, http2[-1].call("/ProxyService/Proxy"), message)
            http2[-1].forget()
        except OSError:
            time.sleep(0.01)
        if count == 500:
            yield
    while True:
        time.sleep(1)


def buffered_bytes(arguments):
    """Downloads without end that alice does not read."""
    def download():
        client = ask(arguments, arguments.endless)
        client.sendall(b"endless")
        return client
    return more_and_more(download, MOST, 200)


def control_bytes(arguments):
    """Dials without end on streams whose answers alice does not take."""
    message = dial_request(arguments.stuck, 7) * 300
    first = True
    while True:
        try:
            client = Http2(tls(arguments, "clients", "alice", arguments.grpc, "h2"), window=0)
            for _ in range(100):
                client.frame(DATA, 0, client.call("/ProxyService/Proxy"), message[:16000])
                client.forget()
        except OSError:
            time.sleep(0.01)
        if first:
            yield
        first = False


def sessions(arguments):
    """Sessions without end of the spoke `greedy`, two on each connection."""
    connections = []
    for count in range(MOST):
        try:
            agent = Http2(tls(arguments, "agents", "greedy", arguments.agents, "h2"))
            for stream in range(2):
                agent.call("/AgentService/Connect", ("agentid", f"greedy-{count}-{stream}"),
                           ("agentidentifiers", "host=greedy"))
            connections.append(agent)
        except OSError:
            time.sleep(0.01)
        if count == 200:
            yield
        for agent in connections[:]:
            try:
                agent.forget()
            except OSError:
                connections.remove(agent)
    while True:
        time.sleep(1)


def strangers(addresses, port, first_bytes, kept):
    """Connections from those in turn that say so much and no more; the last `kept` stay open."""
    connections = []
    addresses = itertools.cycle(addresses)
    while True:
        for _ in range(100):
            stranger = socket.socket()
            stranger.bind((next(addresses), 0))
            stranger.connect(("127.0.0.1", port))
            connections.append(stranger)
            with contextlib.suppress(OSError):  # refused
                stranger.sendall(first_bytes)
        for stranger in connections[:-kept]:
            stranger.close()
        del connections[:-kept]
        yield
        time.sleep(0.02)


def page_connections(arguments):
    """A stranger's connections to the health port, each of which says one byte."""
    return strangers(["127.0.0.2"], arguments.health, b"G", 200)


def unfinished_handshakes(arguments):
    """TLS handshakes of several strangers with clients' port, half a first message each."""
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(
            ssl.MemoryBIO(), hello, server_hostname="hub").do_handshake()
    half = hello.read(hello.pending // 2)
    return strangers([f"127.0.{n}.1" for n in range(1, 9)], arguments.connect, half, MOST)


RESOURCES = {each.__name__: each for each in (
    pending_dials, lookups, buffered_bytes, control_bytes, connections, descriptors, sessions,
    page_connections, unfinished_handshakes)}


def main():
    # It would be on another machine: what it computes is not to be felt.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("resource", choices=RESOURCES)
    parser.add_argument("--pki", required=True)
    for port in ("connect", "grpc", "agents", "health"):
        parser.add_argument(f"--{port}", type=int, required=True)
    parser.add_argument("--stuck", required=True)
    parser.add_argument("--endless", required=True)
    arguments = parser.parse_args()
    told = False
    for _ in RESOURCES[arguments.resource](arguments):
        if not told:
            print("greedy", flush=True)
        told = True


if __name__ == "__main__":
    main()
