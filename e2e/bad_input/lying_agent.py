"""An agent that says what no agent would: HTTP/2, gRPC and Konnectivity's packets written by hand,
on nothing but Python's own sockets, so that any lie can be told."""
import socket
import ssl
import struct

from lab import PATIENCE, Failed, check

DATA, HEADERS, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 4, 6, 7, 9
END_HEADERS, ACK = 4, 1
DIAL_REQ, DIAL_RSP, PACKET_DATA, WINDOW, FIN = 0, 1, 4, 64, 65


def varint(number):
    encoded = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def integer(field, number):
    return varint(field << 3) + varint(number)


def text(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def packet(kind, payload_field, payload):
    return integer(1, kind) + text(payload_field, payload)


def data(connection, content):
    return packet(PACKET_DATA, 4, integer(1, connection) + text(3, content))


def dial_response(dial, connection):
    return packet(DIAL_RSP, 3, integer(2, connection) + integer(3, dial))


def window(connection, size):
    return packet(WINDOW, 64, integer(1, connection) + integer(2, size))


def fin(connection):
    return packet(FIN, 65, integer(1, connection))


def fields(message):
    """The fields of a protobuf message with integers and nested messages: number to value."""
    found, at = {}, 0

    def read():
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(message):
        key = read()
        value = read()
        if key & 7 == 2:
            value, at = message[at : at + value], at + value
        found[key >> 3] = value
    return found


def header(name, value):
    """One header as a literal without indexing (RFC 7541 section 6.2.2)."""

    def literal(content):
        check(len(content) < 127, "only short headers are needed here")
        return bytes([len(content)]) + content.encode()

    return b"\0" + literal(name) + literal(value)


class LyingAgent:
    def __init__(self, cluster):
        folder = f"pki/agents/{cluster}"
        context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
        context.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("localhost", 8091), PATIENCE)
        self.tls = context.wrap_socket(plain, server_hostname="localhost")
        self.received = bytearray()  # of the stream's messages
        self.tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.frame(SETTINGS, 0, 0, b"")

    def frame(self, kind, flags, stream, payload):
        self.tls.sendall(struct.pack(">IBBI", len(payload), kind, flags, stream)[1:] + payload)

    def connect(self, features="fin,reason,window"):
        head = [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", "/AgentService/Connect"),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("agentid", "liar"),
            ("hawser-features", features),
            ("hawser-window", "262144"),
        ]
        self.frame(HEADERS, END_HEADERS, 1, b"".join(header(*field) for field in head))

    def send(self, message):
        """One message, in frames of a size that every peer accepts."""
        framed = b"\0" + struct.pack(">I", len(message)) + message
        for begin in range(0, len(framed), 16384):
            self.frame(DATA, 0, 1, framed[begin : begin + 16384])

    def exactly(self, count):
        block = bytearray()
        while len(block) < count:
            part = self.tls.recv(count - len(block))
            check(part, "the hub has closed the agent's connection")
            block += part
        return bytes(block)

    def read_frame(self):
        head = self.exactly(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        payload = self.exactly(length)
        if kind == SETTINGS and not flags & ACK:
            self.frame(SETTINGS, ACK, 0, b"")
        elif kind == PING and not flags & ACK:
            self.frame(PING, ACK, 0, payload)
        return kind, payload

    def next_dial(self):
        """The id of the next dial that the hub asks for."""
        while True:
            while len(self.received) >= 5:
                length = int.from_bytes(self.received[1:5], "big")
                if len(self.received) < 5 + length:
                    break
                message = fields(bytes(self.received[5 : 5 + length]))
                del self.received[: 5 + length]
                if message.get(1, DIAL_REQ) == DIAL_REQ:
                    return fields(message[2])[3]
            kind, payload = self.read_frame()
            if kind == DATA:
                self.received += payload

    def await_end(self):
        """Reads until the hub ends the connection."""
        try:
            while self.read_frame()[0] != GOAWAY:
                pass
        except (OSError, Failed):  # closed, reset or cut off
            return

    def close(self):
        self.tls.close()
