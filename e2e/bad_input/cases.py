"""The cases: each does one thing wrong, checks the one answer to it and returns what was said."""
import os
import random
import shutil
import socket
import ssl
import subprocess
import threading

from lab import AGENT_FLAGS, HUB_FLAGS, PATIENCE, RESET_PORT, Daemon, await_, check, command
from lab import connect_unix, dial, message, read_all
from lying_agent import CONTINUATION, HEADERS, LyingAgent
from lying_agent import data, dial_response, fin, packet, text, window

GARBAGE = random.Random(7).randbytes(64 * 1024)
LONG_HEAD = b"X-Padding: " + b"x" * 64 * 1024 + b"\r\n"
TLS_PORTS = {8091: "agents", 8090: "grpc", 8088: "http-connect"}
PAGE_PORTS = {
    8092: "hub's health", 8095: "hub's admin", 8093: "agent's health", 8094: "agent's admin",
}
CLIENT_FILES = {"ca": "ca.crt", "cert": "tls.crt", "key": "tls.key"}
FREE_PORTS = {
    "server-port": "0", "uds-name": "", "http-connect-port": "0", "http-connect-uds-name": "",
    "control-uds-name": "", "agent-port": "0", "health-port": "0", "admin-port": "0",
}


def connect_tcp(port):
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def say(connection, words):
    """What the other side answers before it closes the connection, or resets it."""
    with connection:
        try:
            connection.sendall(words)
        except (ConnectionError, ssl.SSLError):
            pass  # it had heard enough
        return read_all(connection).decode(errors="replace")


def first_line(answer):
    return answer.split("\r\n")[0]


def only_line(daemon, text):
    """The one line that the daemon logged, once it is there; it must hold `text`."""
    daemon.await_line(text)
    lines = daemon.lines()
    check(len(lines) == 1, f"more than one line: {lines}")
    return f"{daemon.name}: {lines[0]}"


def connect_tls(who, port, protocol="h2"):
    """A TLS connection with the certificate in a folder of the PKI."""
    folder = f"pki/{who}"
    context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
    context.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
    context.set_alpn_protocols([protocol])
    return context.wrap_socket(connect_tcp(port), server_hostname="localhost")


def garbage_before_tls(lab):
    """garbage on the ports with TLS"""
    told = []
    for port, name in TLS_PORTS.items():
        lab.hub.mark()
        say(connect_tcp(port), GARBAGE)
        told.append(only_line(lab.hub, f"{name}: "))
    return told


def garbage_inside_tls(lab):
    """garbage inside TLS, from those who have a certificate"""
    told = []
    for who, port, name in (("agents/tokyo", 8091, "agents"), ("clients/alice", 8090, "grpc")):
        lab.hub.mark()
        say(connect_tls(who, port), GARBAGE)
        told.append(only_line(lab.hub, f"{name}: "))
    lab.hub.mark()
    answer = say(connect_tls("clients/alice", 8088, "http/1.1"), GARBAGE)
    check(answer.startswith("HTTP/1.1 400 "), f"http-connect answered {answer!r}")
    return told + [f"http-connect: {first_line(answer)}"]


def garbage_on_unix_sockets(lab):
    """garbage on the Unix sockets"""
    say(connect_unix("grpc.sock"), GARBAGE)
    told = [only_line(lab.hub, "grpc: ")]
    answer = say(connect_unix("connect.sock"), GARBAGE)
    check(answer.startswith("HTTP/1.1 400 "), f"connect.sock answered {answer!r}")
    say(connect_unix("control.sock"), GARBAGE)
    return told + [f"connect.sock: {first_line(answer)}", "control.sock: closed"]


def garbage_on_pages(lab):
    """garbage on the ports for health and metrics"""
    told = []
    for port, name in PAGE_PORTS.items():
        answer = say(connect_tcp(port), GARBAGE)
        check(answer.startswith("HTTP/1.1 400 "), f"{name} answered {answer!r}")
        told.append(f"{name}: {first_line(answer)}")
    return told


def half_a_handshake(lab):
    """half a handshake, on 20 connections to each port with TLS"""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        pass
    half = outgoing.read()[:100]
    connections = [connect_tcp(port) for port in TLS_PORTS for _ in range(20)]
    for connection in connections:
        connection.sendall(half)
    for connection in connections:
        read_all(connection)  # ends
        connection.close()
    await_(lambda: len(lab.hub.lines()) >= len(connections), "a line for each connection")
    lines = lab.hub.lines()
    check(len(lines) == len(connections), f"{len(lines)} lines for {len(connections)} connections")
    check(all("time" in line for line in lines), f"another reason: {lines}")
    return [f"hub: {lines[0]}", f"and {len(lines) - 1} like it"]


def half_a_preface(lab):
    """a handshake, and then silence"""
    with connect_tls("agents/tokyo", 8091) as silent:
        silent.sendall(b"PRI * HTTP/2.0\r\n")
        read_all(silent)
    return [only_line(lab.hub, "agents: ")]


def long_heads(lab):
    """heads of 64 KiB"""
    request = b"CONNECT echo.paris:7001 HTTP/1.1\r\n" + LONG_HEAD + b"\r\n"
    told = []
    for name, connection in (
        ("connect.sock", connect_unix("connect.sock")),
        ("http-connect", connect_tls("clients/alice", 8088, "http/1.1")),
        *((name, connect_tcp(port)) for port, name in PAGE_PORTS.items()),
    ):
        answer = say(connection, request)
        check(answer.startswith("HTTP/1.1 431 "), f"{name} answered {answer!r}")
        told.append(f"{name}: {first_line(answer)}")
    return told


def sends_without_end(lab):
    """refused clients that go on sending without end"""
    clients = [connect_unix("connect.sock") for _ in range(8)]

    def pour(client):
        try:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while True:
                client.sendall(bytes(1 << 20))
        except OSError:
            pass  # the hub has closed it

    senders = [threading.Thread(target=pour, args=[client]) for client in clients]
    for sender in senders:
        sender.start()
    lab.witness.confirm()
    answers = {first_line(read_all(client).decode()) for client in clients}
    for sender in senders:
        sender.join()
    expected = "HTTP/1.1 405 this proxy only supports CONNECT passthrough"
    check(answers == {expected}, f"the hub answered {answers}")
    return [f"connect.sock: {answers.pop()}, then it is closed"]


def long_http2_heads(lab):
    """an HTTP/2 head of 64 KiB"""
    liar = LyingAgent("tokyo")
    block = b"\0\7padding" + b"\x7f\x81\x7f" + b"x" * 16384  # one literal of 16,511 octets' length
    try:
        liar.frame(HEADERS, 0, 1, block[:16000])
        for _ in range(4):
            liar.frame(CONTINUATION, 0, 1, b"x" * 16000)
    except OSError:
        pass  # the hub had heard enough
    liar.await_end()
    liar.close()
    return [only_line(lab.hub, "agents: ")]


# What an agent may not say, with what the hub then logs. `dialled` is an id that the hub asked for.
LIES = [
    ("data for a connection that never existed", "which never existed",
     lambda dialled: [data(7, b"x")]),
    ("a window for a connection that never existed", "which never existed",
     lambda dialled: [window(7, 1000)]),
    ("one id for two connections", "connection id",
     lambda dialled: [dial_response(dialled(), 1), dial_response(dialled(), 1)]),
    ("the end of data twice", "second FIN",
     lambda dialled: [dial_response(dialled(), 1), fin(1), fin(1)]),
    ("a window of -1 bytes", "WINDOW of -1",
     lambda dialled: [dial_response(dialled(), 1), window(1, -1)]),
    ("a dial, which is the hub's to ask for", "agent gone",
     lambda dialled: [packet(0, 2, text(1, b"tcp"))]),
    ("no protobuf at all", "agent gone", lambda dialled: [b"\xff" * 100]),
    ("a message of 5 MiB", "agent gone", lambda dialled: [data(1, bytes(5 << 20))]),
]


def lies(lab):
    """an agent that lies"""
    told = []
    for what, reason, packets in LIES:
        lab.hub.mark()
        liar = LyingAgent("tokyo")
        liar.connect()
        lab.hub.await_line("agent connected: cluster tokyo")
        clients = []

        def dialled():
            clients.append(connect_unix("connect.sock"))
            clients[-1].sendall(b"CONNECT web.tokyo:80 HTTP/1.1\r\n\r\n")
            return liar.next_dial()

        try:
            for message in packets(dialled):
                liar.send(message)
        except OSError:
            pass  # the hub had heard enough
        line = lab.hub.await_line("agent gone: cluster tokyo")
        check(reason in line, f"{what}: {line}")
        for client in clients:
            read_all(client)  # ends
            client.close()
        liar.close()
        check(len(lab.hub.lines()) == 2, f"{what}: more than one line: {lab.hub.lines()}")
        told.append(f"{what}\n          hub: {line}")
    return told


def packets_out_of_order(lab):
    """an agent that sends data behind the end of data, for one of two connections"""
    liar = LyingAgent("tokyo")
    liar.connect()
    lab.hub.await_line("agent connected: cluster tokyo")
    clients = []
    for connection in (1, 2):
        clients.append(connect_unix("connect.sock"))
        clients[-1].sendall(b"CONNECT web.tokyo:80 HTTP/1.1\r\n\r\n")
        liar.send(dial_response(liar.next_dial(), connection))
    liar.send(data(1, b"first"))
    liar.send(fin(1))
    liar.send(data(1, b"too late"))
    liar.send(data(2, b"untouched"))
    liar.send(fin(2))
    broken, whole = (read_all(client) for client in clients)
    check(b"too late" not in broken, f"bytes behind the end: {broken}")
    check(whole.endswith(b"untouched"), f"the other connection got {whole}")
    check(not any("gone" in line for line in lab.hub.lines()), f"{lab.hub.lines()}")
    liar.close()
    lab.hub.await_line("agent gone: cluster tokyo")
    return ["that connection was ended, the other one and the session went on"]


def target_resets(lab):
    """a target that resets its connection"""
    code, lines = lab.run(
        [lab.hawser, "--hub", "unix:grpc.sock", "dial", f"reset.paris:{RESET_PORT}"], input="x")
    check(code != 0 and len(lines) == 1, f"exit {code}: {lines}")
    check("reset" in lines[0], lines[0])
    return [f"exit {code}: {lines[0]}"]


def names_that_fail(lab):
    """names that do not exist, whose server fails, or is silent"""
    told = []
    for name, status in (("nosuch.test", 502), ("fails.test", 502), ("silent.test", 504)):
        answer = dial(f"{name}.paris:80")
        check(isinstance(answer, str) and answer.startswith(f"HTTP/1.1 {status} "), answer)
        told.append(f"{first_line(answer)}: {answer.splitlines()[-1]}")
    check("no such host" in told[0], told[0])
    check(not lab.hub.lines() and not lab.agent.lines(), "a client's mistake is not the log's")
    return told


def fill(path, block):
    """Appends blocks to a file until there is no room."""
    with open(path, "ab", buffering=0) as file:
        try:
            while file.write(block):
                pass
        except OSError:
            pass


def full_disk(lab):
    """a full disk for the log"""
    flags = HUB_FLAGS | FREE_PORTS | {"uds-name": "second.sock"}
    second = Daemon("second hub", command(lab.proxy_server, flags), log="full/hub.log")
    fill("full/ballast", bytes(512))
    fill(second.log, b"\n")  # what is left of the page that its last line is in
    second.mark()
    for _ in range(200):
        say(connect_unix("second.sock"), GARBAGE)
    check(second.process.poll() is None, "the hub has ended")
    os.remove("full/ballast")

    def told_of_losses():
        say(connect_unix("second.sock"), GARBAGE)  # more to log
        return next((line for line in second.lines() if "log lines lost" in line), None)

    line = await_(told_of_losses, "a line about what was lost")
    second.stop()
    return [f"second hub, when there is room again: {line}"]


def refused_start(lab, arguments, code, text, **how):
    """How a start that must fail with one line, beside what is only information, ended."""
    ended, lines = lab.run(arguments, **how)
    lines = [line for line in lines if not line.startswith("I")]
    check(ended == code and len(lines) == 1 and text in lines[0],
          f"{' '.join(arguments)}: exit {ended}: {lines}")
    return f"exit {ended}: {message(lines[0])}"


def used_ports(lab):
    """a second start on used ports and sockets"""
    used = ("server-port", "uds-name", "http-connect-port", "http-connect-uds-name",
            "control-uds-name", "agent-port", "health-port", "admin-port")
    told = []
    for name in used:
        arguments = command(lab.proxy_server, HUB_FLAGS | FREE_PORTS | {name: HUB_FLAGS[name]})
        told.append(refused_start(lab, arguments, 1, "listen"))
    free = {"health-server-port": "0", "admin-server-port": "0"}
    for name in free:
        arguments = command(lab.proxy_agent, AGENT_FLAGS | free | {name: AGENT_FLAGS[name]})
        told.append(refused_start(lab, arguments, 1, "in use"))
    return told


def has_expired(file):
    check = ["openssl", "x509", "-checkend", "0", "-noout", "-in", file]
    return subprocess.run(check, stdout=subprocess.DEVNULL).returncode == 1


def expired_certificates(lab):
    """expired certificates of an agent, a client and a hub"""
    late = {"agents": "tokyo", "clients": "late", "servers": "late"}
    lab.pki("agent", "tokyo", "--validity", "1s", "--overwrite")
    lab.pki("client", "late", "--validity", "1s")
    lab.pki("server", "late", "--validity", "1s", "--san", "dns:localhost")
    for side, name in late.items():
        await_(lambda: has_expired(f"pki/{side}/{name}/tls.crt"), "the certificate's end")

    own = {"agent-cert": "pki/agents/tokyo/tls.crt", "agent-key": "pki/agents/tokyo/tls.key",
           "health-server-port": "0", "admin-server-port": "0"}
    agent = Daemon("tokyo", command(lab.proxy_agent, AGENT_FLAGS | own))
    told = [f"tokyo: {agent.await_line('own certificate expired')}"]
    agent.stop()
    try:  # one that goes ahead all the same
        say(connect_tls("agents/tokyo", 8091), b"hello")
    except ssl.SSLError:
        pass
    told.append(only_line(lab.hub, "expired"))
    lab.hub.mark()
    files = [f"--{flag}=pki/clients/late/{file}" for flag, file in CLIENT_FILES.items()]
    arguments = [lab.hawser, "--hub=localhost:8090", *files, "dial", "echo.paris:7001"]
    told += [refused_start(lab, arguments, 69, "expired"), only_line(lab.hub, "expired")]

    files = {"server-cert": "pki/servers/late/tls.crt", "server-key": "pki/servers/late/tls.key"}
    hub = Daemon("late hub", command(lab.proxy_server, HUB_FLAGS | FREE_PORTS | files))
    told.append(f"late hub: {hub.await_line('expired')}")
    hub.stop()
    lab.pki("agent", "tokyo", "--overwrite")
    return told


def missing_files(lab):
    """missing files"""
    told = []
    hub_files = ("server-cert", "server-key", "server-ca-cert", "cluster-cert", "cluster-key",
                 "cluster-ca-cert", "config")
    agent_files = ("agent-cert", "agent-key", "ca-cert", "config")
    for program, flags, names in (
        (lab.proxy_server, HUB_FLAGS, hub_files), (lab.proxy_agent, AGENT_FLAGS, agent_files),
    ):
        for name in names:
            arguments = command(program, flags | {name: "nowhere.pem"})
            told.append(refused_start(lab, arguments, 64 if name == "config" else 1, "nowhere.pem"))
    for missing in CLIENT_FILES:
        files = [f"--{flag}=" + ("nowhere.pem" if flag == missing else f"pki/clients/alice/{file}")
                 for flag, file in CLIENT_FILES.items()]
        arguments = [lab.hawser, "--hub=localhost:8090", *files, "dial", "paris"]
        told.append(refused_start(lab, arguments, 1, "nowhere.pem"))
    return told


def files_that_do_not_fit(lab):
    """a key that others may read, a key of another certificate, a broken certificate"""
    shutil.copy("pki/servers/hub/tls.key", "open.key")
    os.chmod("open.key", 0o644)
    with open("broken.crt", "wb") as broken:
        broken.write(GARBAGE)
    told = []
    for wrong, text in (
        ({"server-key": "open.key"}, "open.key"),
        ({"server-key": "pki/agents/paris/tls.key"}, "pki/agents/paris/tls.key"),
        ({"server-cert": "broken.crt"}, "broken.crt"),
        ({"cluster-ca-cert": "broken.crt"}, "broken.crt"),
    ):
        told.append(refused_start(lab, command(lab.proxy_server, HUB_FLAGS | wrong), 1, text))
    return told + [key_in_a_pod_volume(lab)]


def key_in_a_pod_volume(lab):
    """A Kubernetes secret has mode 0644 unless told otherwise; only its pod sees it."""
    os.mkdir("volume")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "volume"], check=True)
    shutil.copy("open.key", "volume/tls.key")
    os.chmod("volume/tls.key", 0o644)
    flags = HUB_FLAGS | FREE_PORTS | {"server-key": "volume/tls.key"}
    told = refused_start(lab, command(lab.proxy_server, flags), 1, "volume/tls.key")
    subprocess.run(["mount", "-o", "remount,ro", "volume"], check=True)
    Daemon("hub in a pod", command(lab.proxy_server, flags)).stop()
    subprocess.run(["umount", "volume"], check=True)
    return f"{told}, but in a pod's volume, which is read-only, it is taken"


def bad_usage(lab):
    """unknown flags, bad values, unknown keys in a file"""
    with open("odd.yaml", "w") as odd:
        odd.write("colour: blue\n")
    told = []
    for arguments in (
        [lab.proxy_server, "--colour=blue"],
        [lab.proxy_server, "--agent-port=seventy"],
        command(lab.proxy_server, HUB_FLAGS | {"keepalive-time": "soon"}),
        command(lab.proxy_server, HUB_FLAGS | {"mode": "smtp"}),
        command(lab.proxy_server, HUB_FLAGS | {"config": "odd.yaml"}),
        [lab.proxy_agent, "--colour=blue"],
        command(lab.proxy_agent, AGENT_FLAGS | {"dial-timeout": "-1s"}),
        command(lab.proxy_agent, AGENT_FLAGS | {"config": "odd.yaml"}),
        [lab.hawser, "--colour=blue", "dial", "paris"],
        [lab.hawser, "dial"],
    ):
        told.append(refused_start(lab, arguments, 64, ""))
    return told


ALL = [
    garbage_before_tls, garbage_inside_tls, garbage_on_unix_sockets, garbage_on_pages,
    half_a_handshake, half_a_preface, long_heads, sends_without_end, long_http2_heads, lies,
    packets_out_of_order, target_resets, names_that_fail, full_disk, used_ports,
    expired_certificates, missing_files, files_that_do_not_fit, bad_usage,
]
