#!/usr/bin/env python3
"""The services inside one demo cluster: a web server, and a TLS server in kube-apiserver's place.

usage: services.py CLUSTER WEB_ADDRESS API_ADDRESS CERTIFICATE KEY

The web server answers GET /, GET /1GiB (a known gibibyte), GET /endless (sends until the reader is
gone) and PUT / (says the SHA-256 of what it got).
"""
import hashlib
import http.server
import json
import random
import ssl
import sys
import threading

BLOCK = random.Random(1).randbytes(1 << 20)


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster = ""

    def answer(self, body, content_type="text/plain"):
        body = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/1GiB":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()
            for _ in range(1024):
                self.wfile.write(BLOCK)
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(BLOCK)
        else:
            self.answer(f"hello, this is web.default.svc in {self.cluster}\n")

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        buffer = bytearray(1 << 20)
        while left > 0:
            count = self.rfile.readinto(memoryview(buffer)[: min(left, len(buffer))])
            if not count:
                return
            digest.update(memoryview(buffer)[:count])
            left -= count
        self.answer(digest.hexdigest() + "\n")

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError):
            pass  # the reader left

    def log_message(self, *arguments):
        pass


class Api(Web):
    def do_GET(self):
        version = {"kind": "Version", "cluster": self.cluster, "path": self.path}
        self.answer(json.dumps(version) + "\n", "application/json")


def main():
    cluster, web, api, certificate, key = sys.argv[1:]
    Web.cluster = cluster
    http.server.ThreadingHTTPServer.daemon_threads = True
    web_server = http.server.ThreadingHTTPServer((web, 80), Web)
    api_server = http.server.ThreadingHTTPServer((api, 443), Api)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    api_server.socket = context.wrap_socket(api_server.socket, server_side=True)
    threading.Thread(target=api_server.serve_forever, daemon=True).start()
    web_server.serve_forever()


main()
