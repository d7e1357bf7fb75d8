"""Clients and targets, each with what it got and how that ended."""
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

LIMIT = 200  # seconds without a byte: the connection hangs
GAVE_UP = 3  # the exit code of a client whose library has given up by itself
RESET = struct.pack("ii", 1, 0)


class Received:
    """What one end got: bytes, and then "end", "reset" or "hangs"."""

    def __init__(self):
        self.bytes = bytearray()
        self.end = None
        self.gave_up = False  # a reset of its own making


def read_to_end(recv, received, case, who, most=None):
    """Reads as the case says; `recv` returns b"" at an end and raises OSError for a reset."""
    size = 4096 if case.slow else 65536
    pause = case.pause if case.rests == who else 0
    try:
        while most is None or len(received.bytes) < most:
            block = recv(size if most is None else min(size, most - len(received.bytes)))
            if not block:
                received.end = "end"
                return
            received.bytes += block
            if pause:
                time.sleep(pause)
                pause = 0
            # A slow reader is slow for some seconds.
            elif case.slow and len(received.bytes) < 2_000_000:
                time.sleep(case.slow)
    except TimeoutError:
        received.end = "hangs"
    except OSError:
        received.end = "reset"


def shrink(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)


class Target:
    """Listens for the case's one connection, and does its part."""

    def __init__(self, case, request, answer):
        self.case, self.request, self.answer = case, request, answer
        self.received = Received()
        self.failure = None
        self.accepted = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT)
        if case.small_buffers:
            shrink(self.listener)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        case = self.case
        try:
            connection = self.listener.accept()[0]
        except OSError as failure:
            self.received.end = f"no connection: {failure}"
            return
        self.accepted.set()
        with connection, self.listener:
            connection.settimeout(LIMIT)
            if case.who == "client":
                read_to_end(connection.recv, self.received, case, "target")
                if case.how == "half-closed" and self.received.end == "end":
                    self.send(connection, self.answer)
                return
            self.end(connection)

    def end(self, connection):
        case = self.case
        most = len(self.request) // 2 if case.how == "killed" else len(self.request)
        read_to_end(connection.recv, self.received, case, "target", most)
        part = self.answer[: len(self.answer) // 2] if case.how == "aborted" else self.answer
        self.send(connection, part)
        if case.how == "aborted":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif case.how == "half-closed":
            try:
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the client is gone already
            read_to_end(connection.recv, self.received, case, "")

    def send(self, connection, block):
        try:
            connection.sendall(block)
        except OSError as failure:
            self.failure = failure


class Plain:
    """A connection of a Unix client."""

    def __init__(self, connection):
        self.connection = connection
        self.sendall, self.recv = connection.sendall, connection.recv

    def finish(self):
        self.connection.shutdown(socket.SHUT_WR)

    def close(self):
        self.connection.close()

    def abort(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.close()


class Tls(Plain):
    """TLS whose directions end one by one, which Python's sockets cannot."""

    def __init__(self, connection, context):
        super().__init__(connection)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.finished = False
        self.sendall, self.recv = self.send_tls, self.recv_tls
        self.attempt(self.tls.do_handshake)

    def flush(self):
        if block := self.outgoing.read():
            self.connection.sendall(block)

    def attempt(self, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except ssl.SSLWantReadError:
                self.flush()
                block = self.connection.recv(65536)
                if block:
                    self.incoming.write(block)
                else:
                    self.incoming.write_eof()
            finally:
                if not self.finished:
                    self.flush()

    def send_tls(self, block):
        for at in range(0, len(block), 65536):
            self.attempt(self.tls.write, block[at : at + 65536])

    def recv_tls(self, size):
        try:
            return self.attempt(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as failure:  # FIN without a word before it
            raise ConnectionResetError(str(failure)) from failure

    def finish(self):
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # the other direction goes on
        self.flush()
        self.finished = True
        self.connection.shutdown(socket.SHUT_WR)


def connect(case, address):
    """Through a CONNECT front end; None when the hub refuses."""
    if case.front == "connect-unix":
        connection = socket.socket(socket.AF_UNIX)
        where = "connect.sock"
    else:
        connection = socket.socket()
        where = ("127.0.0.1", 8088)
    connection.settimeout(LIMIT)
    if case.small_buffers:
        shrink(connection)
    connection.connect(where)
    client = Plain(connection)
    if case.front == "connect-tls":
        context = ssl.create_default_context(cafile="pki/clients/alice/ca.crt")
        context.load_cert_chain("pki/clients/alice/tls.crt", "pki/clients/alice/tls.key")
        client = Tls(connection, context)
    client.sendall(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        if not byte:
            break
        head += byte
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(f"the hub says {head[:100]}")
    return client


def run_connect(case, address, request, received):
    client = connect(case, address)
    sender = None

    def send():
        try:
            client.sendall(request)
            if case.how == "half-closed" and case.who == "client":
                client.finish()
        except OSError:
            pass  # what became of it shows at the target

    if case.who == "client" and case.how in ("closed", "aborted"):
        client.sendall(request)
        client.close() if case.how == "closed" else client.abort()
        return
    # Python's TLS is no good for two threads at once.
    if isinstance(client, Tls):
        send()
    else:
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
    read_to_end(client.recv, received, case, "client")
    if sender is not None:
        sender.join(LIMIT)
    client.close()


def pipe(case, commands, address):
    """A program whose standard input and output are the connection."""
    leaf = "pki/clients/alice/"
    options = {
        "hub": "localhost:8090" if case.front.endswith("tls") else "unix:grpc.sock",
        "cert": leaf + "tls.crt",
        "key": leaf + "tls.key",
        "ca": leaf + "ca.crt",
    }
    command = commands[case.program]
    environment = dict(os.environ)
    if case.program == "send":
        environment |= {f"HAWSER_{name.upper()}": value for name, value in options.items()}
    else:
        command = command + [f"--{name}={value}" for name, value in options.items()]
    return subprocess.Popen(
        [*command, address],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run_piped(case, commands, address, request, received):
    """Through a client library; the program's exit code tells an end from a reset."""
    process = pipe(case, commands, address)

    def send():
        try:
            process.stdin.write(request)
            process.stdin.flush()
            # Of konnectivity-client the end of what it sends is the connection's.
            if case.library == "dial" or case.who == "client":
                process.stdin.close()
        except OSError:
            pass

    threading.Thread(target=send, daemon=True).start()
    descriptor = process.stdout.fileno()

    def recv(size):
        if not select.select([descriptor], [], [], LIMIT)[0]:
            raise TimeoutError
        return os.read(descriptor, size)

    read_to_end(recv, received, case, "client")
    try:
        code = process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        received.end = "hangs"
        return
    if received.end == "end" and code != 0:
        received.end = "reset"
        received.gave_up = code == GAVE_UP


def run_killed(case, commands, address, request, accepted):
    """A client that is killed in the middle, some time after the target has accepted."""
    part = request[: len(request) // 2]
    if case.library:
        process = pipe(case, commands, address)
    else:
        process = subprocess.Popen(
            [sys.executable, "-B", __file__, case.front], stdin=subprocess.PIPE,
            env={**os.environ, "ADDRESS": address},
        )
    try:
        process.stdin.write(part)
        process.stdin.flush()
    except OSError:
        pass
    accepted.wait(LIMIT)
    time.sleep(case.seed % 100 / 300)  # it may or may not have passed all of that on
    process.send_signal(signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                pass


class Killed:
    """As much of a case as connect() needs."""

    small_buffers = False

    def __init__(self, front):
        self.front = front


if __name__ == "__main__":  # a process to be killed
    victim = connect(Killed(sys.argv[1]), os.environ["ADDRESS"])
    while data := sys.stdin.buffer.read1(65536):
        victim.sendall(data)
    time.sleep(LIMIT)
