#!/usr/bin/env python3
"""Asks for an endless answer through the hub's CONNECT socket, and never reads it.

usage: unread.py UNIX_SOCKET HOST:PORT
Says "waiting" on stdout once the tunnel is open, then holds it until stdin ends.
"""
import socket
import sys

path, target = sys.argv[1:]
client = socket.socket(socket.AF_UNIX)
client.connect(path)
client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
assert client.recv(4096).startswith(b"HTTP/1.1 200"), "the tunnel did not open"
client.sendall(f"GET /endless HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
print("waiting", flush=True)
sys.stdin.read()
