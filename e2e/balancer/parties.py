"""Hubs and agents, ours or the reference's: how they are started, and dials through them."""
import asyncio
import glob
import os
import subprocess

ECHO_PORT = 7001
# Debian's libfaketime, which gives one process a clock of its own.
[FAKE_TIME_LIBRARY] = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


def files(prefix, folder):
    return [f"--{prefix}-cert={folder}/tls.crt", f"--{prefix}-key={folder}/tls.key"]


class Ours:
    """Flags of proxy-server and proxy-agent, and the names that lead to echo in a cluster."""

    name = "Hawser"
    failed_attempt = "no link to"  # in an agent's log
    asks_libc = True  # for the time

    def __init__(self, binaries):
        self.server = f"{binaries}/hub/proxy-server"
        self.agent = f"{binaries}/spoke/proxy-agent"
        self.server_flags = ["--agent-identity=certificate", "--threads=1"]

    @staticmethod
    def agent_flags(cluster):
        return ["--resolve=echo=127.0.0.1"]

    @staticmethod
    def target(cluster):
        return f"echo.{cluster}:{ECHO_PORT}"

    @staticmethod
    def proxy_environment(proxy):
        return {"HTTPS_PROXY": proxy}


class Reference(Ours):
    """The reference's binaries: names of clusters are identifiers that agents announce."""

    name = "reference"
    failed_attempt = "cannot connect"
    asks_libc = False  # Go asks the kernel

    def __init__(self, server, agent):
        self.server, self.agent = server, agent
        self.server_flags = ["--proxy-strategies=destHost"]

    @staticmethod
    def agent_flags(cluster):
        return [f"--agent-identifiers=host={cluster}.cluster.test"]

    @staticmethod
    def target(cluster):
        return f"{cluster}.cluster.test:{ECHO_PORT}"


class Process:
    """A program that can be stopped, killed and started again."""

    def __init__(self, name, arguments, environment=None):
        self.name, self.arguments = name, arguments
        self.environment = {**os.environ, **(environment or {})}
        self.log = f"{name}.log"
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stdout=log, stderr=log, env=self.environment
            )
        self.pid = self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def alive(self):
        return self.process.poll() is None

    def count(self, text):
        """Lines of the log with `text`."""
        with open(self.log, errors="replace") as log:
            return sum(text in line for line in log)


class Hub:
    """A hub on ports of its own, with its clock in a file when `clock` is wanted."""

    def __init__(self, kind, name, base, clock=False, servers=1):
        self.kind = kind
        self.agents = ("127.0.0.1", base)
        self.socket = f"{name}.sock"
        self.clock = f"{name}.clock" if clock else None
        environment = {}
        if clock:
            self.set_clock("+0")
            environment = {
                "LD_PRELOAD": FAKE_TIME_LIBRARY,
                "FAKETIME_TIMESTAMP_FILE": os.path.abspath(self.clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        leaf = "pki/servers/hub"
        self.process = Process(
            name,
            [
                kind.server,
                "--mode=http-connect",
                "--server-port=0",
                f"--uds-name={self.socket}",
                f"--server-id={name}",
                f"--server-count={servers}",
                f"--agent-port={base}",
                f"--health-port={base + 1}",
                f"--admin-port={base + 2}",
                *files("cluster", leaf),
                "--cluster-ca-cert=pki/ca/agents.crt",
                "--keepalive-time=15s",
                *kind.server_flags,
            ],
            environment,
        )

    def set_clock(self, offset):
        """Such as "+3650d"; swapped in one go, since the hub reads it all the time."""
        with open(self.clock + ".next", "w") as clock:
            clock.write(offset)
        os.rename(self.clock + ".next", self.clock)

    def restart(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process.start()

    async def dial(self, cluster, patience):
        """Whether an echo in `cluster` answers."""
        try:
            async with asyncio.timeout(patience):
                return await self.echo(self.kind.target(cluster))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False

    async def echo(self, target):
        reader, writer = await asyncio.open_unix_connection(self.socket)
        try:
            writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.split(b"\r\n")[0].split(b" ")[1] == b"200":
                return False
            writer.write(b"x")
            return await reader.readexactly(1) == b"x"
        finally:
            writer.transport.abort()


class Agent:
    """The agent of `cluster`, which reaches its hub at `address`, or through the proxy there.

    `base` is the first of two ports of its own.
    """

    def __init__(self, kind, cluster, base, address, proxy_to=None, name="127.0.0.1"):
        host, port = address
        environment = {}
        if proxy_to is not None:
            environment = kind.proxy_environment(f"http://{host}:{port}")
            name, port = proxy_to
        leaf = f"pki/agents/{cluster}"
        self.process = Process(
            f"{kind.name}-{cluster}-agent",
            [
                kind.agent,
                f"--proxy-server-host={name}",
                f"--proxy-server-port={port}",
                "--ca-cert=pki/ca/servers.crt",
                *files("agent", leaf),
                f"--agent-id={cluster}",
                f"--health-server-port={base}",
                f"--admin-server-port={base + 1}",
                *kind.agent_flags(cluster),
            ],
            environment,
        )


async def echo(reader, writer):
    try:
        while block := await reader.read(65536):
            writer.write(block)
    except (ConnectionError, asyncio.CancelledError):
        pass  # the peer left, or the run is over
    writer.close()
