"""Name servers that do as they are told, over UDP and TCP."""
import ipaddress
import socket
import struct
import threading
import time

SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
SILENCE = None
NODATA = []
A, AAAA, CNAME = 1, 28, 5
DATAGRAM = 512  # bytes of an answer over UDP


class NameServer:
    """`answer(name, kind)` gives addresses, of which those of `kind` are answered with; ("alias",
    name, addresses); a response code; or None for silence. `delay`: seconds before an answer."""

    def __init__(self, host, tcp=True):
        self.answer = lambda name, kind: NXDOMAIN
        self.ttl = 1
        self.delay = 0
        self.questions = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.datagrams = socket.socket(family, socket.SOCK_DGRAM)
        self.datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.datagrams.bind((host, 53))
        threading.Thread(target=self.serve_datagrams, daemon=True).start()
        if tcp:
            self.listener = socket.create_server((host, 53), family=family)
            threading.Thread(target=self.serve_streams, daemon=True).start()

    def serve_datagrams(self):
        while True:
            query, peer = self.datagrams.recvfrom(4096)
            reply = self.reply(query, DATAGRAM)
            if reply is None:
                continue
            if self.delay:
                send = lambda reply=reply, peer=peer: self.datagrams.sendto(reply, peer)
                threading.Timer(self.delay, send).start()
            else:
                self.datagrams.sendto(reply, peer)

    def serve_streams(self):
        while True:
            stream, _ = self.listener.accept()
            with stream:
                stream.settimeout(2)
                try:
                    while size := stream.recv(2, socket.MSG_WAITALL):
                        query = stream.recv(struct.unpack(">H", size)[0], socket.MSG_WAITALL)
                        reply = self.reply(query, 65535)
                        stream.sendall(struct.pack(">H", len(reply)) + reply)
                except OSError:
                    pass  # the client left

    def reply(self, query, room):
        self.questions += 1
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1 : at + 3])[0]
        question = query[12 : at + 5]
        answer = self.answer(".".join(labels).lower(), kind)
        if answer is SILENCE:
            return None
        code, records = 0, []
        if isinstance(answer, int):
            code = answer
        else:
            records = self.records(answer, kind)
        whole = len(records)
        while 12 + len(question) + sum(map(len, records)) > room:
            records.pop()
        flags = 0x8180 | code | (0x0200 if len(records) < whole else 0)
        head = query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        return head + question + b"".join(records)

    def records(self, answer, kind):
        owner, records = b"\xc0\x0c", []
        if isinstance(answer, tuple):
            _, name, answer = answer
            owner = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
            owner += b"\0"
            records.append(b"\xc0\x0c" + self.fields(CNAME, owner))
        for text in answer:
            data = ipaddress.ip_address(text).packed
            if len(data) == (4 if kind == A else 16):
                records.append(owner + self.fields(kind, data))
        return records

    def fields(self, kind, data):
        return struct.pack(">HHIH", kind, 1, self.ttl, len(data)) + data
