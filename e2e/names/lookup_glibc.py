"""Looks a name up with glibc and prints what came of it as JSON."""
import json
import socket
import sys

try:
    found = socket.getaddrinfo(sys.argv[1], 80, type=socket.SOCK_STREAM)
    print(json.dumps({"addresses": [address[0] for *_, address in found]}))
except socket.gaierror as failure:
    missing = failure.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
    print(json.dumps({"addresses": None, "error": "no such name" if missing else "fault"}))
