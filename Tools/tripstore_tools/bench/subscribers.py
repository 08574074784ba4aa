"""Many subscribers of one job's progress over WebSocket, in one process that does as little as it can with what it gets, since
it shares the processor with the server that is measured.

    subscribers.py PORT COUNT     prints "ready", reads a job's number, prints [messages, connections that saw the end]
"""

import json
import selectors
import socket
import sys

HANDSHAKE = ("GET /ws/ingestion/{job} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
TERMINAL = b'"status":"completed"'


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    # Connected before the clock starts: opening connections is not what is measured.
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    print("ready", flush=True)
    handshake = HANDSHAKE.format(job=int(sys.stdin.readline())).encode()
    selector = selectors.DefaultSelector()
    for connection in connections:
        connection.sendall(handshake)
        selector.register(connection, selectors.EVENT_READ)
    messages, ends, still_open = 0, 0, count
    while still_open:
        for key, _ in selector.select():
            data = key.fileobj.recv(1 << 16)
            # A message names its job once.
            messages += data.count(b'{"job_id":')
            ends += TERMINAL in data
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                still_open -= 1
    print(json.dumps([messages, ends]), flush=True)


if __name__ == "__main__":
    main()
