"""A hub, the agent of cluster paris and its services on loopback, and a witness: a connection that
must not notice anything of what happens beside it."""
import os
import re
import socket
import ssl
import subprocess
import threading
import time

HUB_FLAGS = {
    "mode": "grpc,http-connect",
    "server-port": "8090",
    "uds-name": "grpc.sock",
    "http-connect-port": "8088",
    "http-connect-uds-name": "connect.sock",
    "control-uds-name": "control.sock",
    "server-cert": "pki/servers/hub/tls.crt",
    "server-key": "pki/servers/hub/tls.key",
    "server-ca-cert": "pki/ca/clients.crt",
    "cluster-cert": "pki/servers/hub/tls.crt",
    "cluster-key": "pki/servers/hub/tls.key",
    "cluster-ca-cert": "pki/ca/agents.crt",
    "agent-identity": "certificate",
    "handshake-timeout": "1s",
    "request-head-timeout": "1s",
    "agent-port": "8091",
    "health-port": "8092",
    "admin-port": "8095",
}
AGENT_FLAGS = {
    "proxy-server-host": "localhost",
    "ca-cert": "pki/agents/paris/ca.crt",
    "agent-cert": "pki/agents/paris/tls.crt",
    "agent-key": "pki/agents/paris/tls.key",
    "resolve": "echo=127.0.0.1,reset=127.0.0.1",
    "dial-timeout": "2s",
    "health-server-port": "8093",
    "admin-server-port": "8094",
}
ECHO_PORT, RESET_PORT = 7001, 7002
PATIENCE = 20  # seconds, for what must happen and would otherwise hang the run


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def await_(condition, what):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < deadline, f"waited {PATIENCE} s for {what}")
        time.sleep(0.01)


def command(program, flags):
    return [program, *(f"--{name}={value}" for name, value in flags.items())]


def message(line):
    """A log line without its prefix of time and place."""
    return re.sub(r"^[IWEF]\d{4} \S+ +\d+ \S+\] ", "", line.rstrip("\n"))


class Daemon:
    """A running hub or agent, with its log."""

    def __init__(self, name, arguments, log=None, **how):
        """`log`: the file that the daemon writes by itself or, as by default, its stderr is."""
        self.name = name
        self.log = log or f"{name}.log"
        self.marked = 0
        with open(self.log, "ab") as stderr:
            self.process = subprocess.Popen(arguments, stderr=stderr, **how)
        self.await_line("ready")

    def lines(self):
        """Messages logged since the last mark."""
        with open(self.log, errors="replace") as log:
            log.seek(self.marked)
            return [message(line) for line in log]

    def mark(self):
        self.marked = os.path.getsize(self.log)

    def await_line(self, text):
        def found():
            check(self.process.poll() is None, f"{self.name} has ended: {self.lines()[-1:]}")
            return next((line for line in self.lines() if text in line), None)

        return await_(found, f"a line of {self.name} with: {text}; it has {self.lines()}")

    def stop(self):
        self.process.kill()
        self.process.wait()


def serve(port, handle):
    """Serves TCP connections on loopback with `handle(connection)`, a thread each."""
    listener = socket.create_server(("127.0.0.1", port))

    def one(connection):
        with connection:
            try:
                handle(connection)
            except OSError:
                pass  # the peer left

    def accept():
        while True:
            threading.Thread(target=one, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def echo(connection):
    while block := connection.recv(65536):
        connection.sendall(block)


def reset_after_a_word(connection):
    """Says something, then resets the connection as soon as it is answered."""
    connection.sendall(b"so far so good")
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def serve_names(answers):
    """A DNS server: `answers` maps a name to its response code, or None for no answer at all."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def name_in(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]])
            at += 1 + query[at]
        return b".".join(labels).decode()

    def answer():
        while True:
            query, peer = server.recvfrom(512)
            code = answers.get(name_in(query), 3)
            if code is not None:
                head = query[:2] + bytes([0x81, 0x80 | code]) + query[4:6] + bytes(6)
                server.sendto(head + query[12:], peer)

    threading.Thread(target=answer, daemon=True).start()


def connect_unix(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(path)
    return connection


def read_all(connection):
    """Everything until the peer ends or resets the connection."""
    received = bytearray()
    try:
        while block := connection.recv(65536):
            received += block
    except (ConnectionError, ssl.SSLError):
        pass
    return bytes(received)


def dial(target):
    """A connection to `target` through HTTP CONNECT, or the whole refusal as text."""
    connection = connect_unix("connect.sock")
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        check(byte, f"the hub closed the connection to {target} without an answer")
        head += byte
    if head.startswith(b"HTTP/1.1 200 "):
        return connection
    return (head + read_all(connection)).decode()


class Witness:
    """Echoes over one connection all the time, and dials another one whenever asked."""

    def __init__(self):
        self.connection = dial(f"echo.paris:{ECHO_PORT}")
        self.rounds = 0
        self.failure = None
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            while True:
                self.round(self.connection, os.urandom(1000))
                self.rounds += 1
                time.sleep(0.002)
        except (OSError, Failed) as failure:
            self.failure = failure

    @staticmethod
    def round(connection, block):
        connection.sendall(block)
        received = bytearray()
        while len(received) < len(block):
            part = connection.recv(65536)
            check(part, "the witness's connection has ended")
            received += part
        check(received == block, "the witness got back other bytes than it sent")

    def confirm(self):
        """That the open connection goes on and that a new one can be made."""
        seen = self.rounds
        await_(lambda: self.failure or self.rounds > seen + 1, "the witness's next echo")
        check(self.failure is None, f"the witness noticed: {self.failure}")
        with dial(f"echo.paris:{ECHO_PORT}") as connection:
            self.round(connection, b"a new one")
