"""A TCP balancer in front of one hub that is told how to behave."""
import asyncio
import enum
import socket
import struct
import time

BLOCK = 65536
DIES_AFTER = 1  # seconds
FREEZES_AFTER = 5  # seconds of a connection's life


class Behavior(enum.Enum):
    RELAY = "relays"
    RESET = "resets"
    CLOSE = "closes"
    SWALLOW = "accepts and swallows"
    SILENT = "drops SYNs"
    FREEZE = "freezes established links"
    DIE = f"ends links after {DIES_AFTER} s"
    REFUSE = "answers CONNECT with 502"


def close(writer):
    writer.close()


def reset(writer):
    """Closes with RST."""
    raw = writer.get_extra_info("socket")
    if raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Link:
    """One accepted connection, and its other half once it is relayed."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.hub = None
        self.fate = None  # what a timer will do to it
        self.thawed = asyncio.Event()
        self.thawed.set()

    async def relay(self, hub_reader, hub_writer):
        self.hub = hub_writer
        await asyncio.gather(
            self.copy(self.reader, hub_writer), self.copy(hub_reader, self.writer)
        )

    async def copy(self, source, sink):
        while block := await source.read(BLOCK):
            await self.thawed.wait()
            sink.write(block)
            await sink.drain()
        sink.close()

    def freeze(self):
        """Stays open, and nothing arrives any more."""
        self.thawed.clear()

    def end(self, how):
        for writer in (self.writer, self.hub):
            if writer is not None:
                how(writer)


class Balancer:
    """Listens at `address`; relays to `hub`. With `proxy` it speaks HTTP CONNECT first.

    `attempts` are the times at which connections came.
    """

    def __init__(self, address, hub, proxy=False):
        self.hub, self.proxy = hub, proxy
        self.behavior = Behavior.RELAY
        self.attempts = []
        self.links = set()
        self.fillers = []
        self.listener = socket.create_server(address, backlog=1)
        self.listener.setblocking(False)
        self.address = self.listener.getsockname()
        self.accepting = asyncio.create_task(self.accept())

    def become(self, behavior):
        """From now on; what that means for the links there are happens at once."""
        self.behavior = behavior
        if behavior is Behavior.SILENT:
            self.fill_queue()
        elif self.fillers:
            self.empty_queue()
        for link in list(self.links):
            if link.fate is not None:
                link.fate.cancel()
            if behavior in (Behavior.RESET, Behavior.REFUSE):
                link.end(reset)
            elif behavior in (Behavior.CLOSE, Behavior.DIE):
                link.end(close)
            elif behavior in (Behavior.SWALLOW, Behavior.SILENT, Behavior.FREEZE):
                link.freeze()

    def fill_queue(self):
        """A listener whose queue is full does not answer."""
        self.accepting.cancel()
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.address)
            self.fillers.append(filler)

    def empty_queue(self):
        for filler in self.fillers:
            filler.close()
        self.fillers.clear()
        self.accepting = asyncio.create_task(self.accept())

    async def accept(self):
        serving = set()
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(self.listener)
            task = asyncio.create_task(self.serve(connection))
            serving.add(task)
            task.add_done_callback(serving.discard)

    async def serve(self, connection):
        link = Link(*await asyncio.open_connection(sock=connection))
        self.links.add(link)
        try:
            await self.treat(link)
        except (OSError, asyncio.IncompleteReadError):
            pass  # a peer left
        finally:
            self.links.discard(link)
            link.end(close)

    async def treat(self, link):
        behavior = self.behavior
        if self.proxy:
            await link.reader.readuntil(b"\r\n\r\n")
            self.attempts.append(time.monotonic())
            if behavior is Behavior.REFUSE:
                link.writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            link.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            self.attempts.append(time.monotonic())
        if behavior is Behavior.RESET:
            link.end(reset)
        elif behavior is Behavior.SWALLOW:
            while await link.reader.read(BLOCK):
                pass
        elif behavior is not Behavior.CLOSE:
            await self.relay(link, behavior)

    async def relay(self, link, behavior):
        loop = asyncio.get_running_loop()
        if behavior is Behavior.DIE:
            link.fate = loop.call_later(DIES_AFTER, link.end, close)
        elif behavior is Behavior.FREEZE:
            link.fate = loop.call_later(FREEZES_AFTER, link.freeze)
        await link.relay(*await asyncio.open_connection(*self.hub))
