"""A slow, long link in user space: a TCP relay that delays bytes and lets so many through a second.

usage: link.py LISTEN_PORT TARGET_PORT DELAY_SECONDS BYTES_PER_SECOND
"""
import queue
import socket
import sys
import threading
import time

DELAY, RATE = 0.05, 2_500_000
BLOCK = 16 * 1024
IN_FLIGHT = 64  # blocks on their way, which bounds what the link holds


def carry(source, target, delay, rate):
    """One direction, up to its end."""
    flight = queue.Queue(IN_FLIGHT)

    def arrive():
        free_at = 0.0
        while True:
            due, block = flight.get()
            free_at = max(free_at, due) + len(block) / rate
            time.sleep(max(0.0, free_at - time.monotonic()))
            try:
                target.sendall(block) if block else target.shutdown(socket.SHUT_WR)
            except OSError:
                source.close()
            if not block:
                return

    threading.Thread(target=arrive, daemon=True).start()
    block = b"first"
    while block:
        try:
            block = source.recv(BLOCK)
        except OSError:
            block = b""
        flight.put((time.monotonic() + delay, block))


def main(listen_port, target_port, delay, rate):
    listener = socket.create_server(("127.0.0.1", int(listen_port)))
    print("ready", file=sys.stderr, flush=True)
    while True:
        near = listener.accept()[0]
        far = socket.create_connection(("127.0.0.1", int(target_port)))
        for pair in ((near, far), (far, near)):
            threading.Thread(
                target=carry, args=[*pair, float(delay), float(rate)], daemon=True
            ).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
