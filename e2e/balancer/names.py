"""A DNS server whose answers change."""
import asyncio
import socket

TTL = b"\0\0\0\5"  # seconds
A, NAME_ERROR = 1, 3


def name_in(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]])
        at += 1 + query[at]
    return b".".join(labels).decode().lower(), at + 5  # behind type and class


class Names(asyncio.DatagramProtocol):
    """`addresses` maps names to IPv4 addresses."""

    def __init__(self, addresses):
        self.addresses = addresses

    async def serve(self, address):
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(address, 53)
        )

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, query, peer):
        name, end = name_in(query)
        address = self.addresses.get(name)
        wanted = int.from_bytes(query[end - 4 : end - 2], "big") == A
        answers = b""
        if address is not None and wanted:
            # The name by reference, type A, class IN.
            answers = b"\xc0\x0c\0\1\0\1" + TTL + b"\0\4" + socket.inet_aton(address)
        code = 0x80 if address is not None else 0x80 | NAME_ERROR
        counts = b"\0\1" + (b"\0\1" if answers else b"\0\0") + bytes(4)
        head = query[:2] + bytes([0x84 | query[2] & 1, code]) + counts
        self.transport.sendto(head + query[12:end] + answers, peer)
