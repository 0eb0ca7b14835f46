# expect: async io
"""A plain socket: a request is written, the answer read to its end."""
import socket
import sys
from urllib.parse import urlsplit

URL = urlsplit(sys.argv[1])


def items():
    return range(28)


def task(number):
    with socket.create_connection((URL.hostname, URL.port)) as connection:
        connection.sendall(b"GET /%d HTTP/1.0\r\n\r\n" % number)
        text = b""
        while True:
            part = connection.recv(65536)  # hot
            if not part:
                return len(text)
            text += part


async def atask(number):
    import asyncio
    reader, writer = await asyncio.open_connection(URL.hostname, URL.port)
    writer.write(b"GET /%d HTTP/1.0\r\n\r\n" % number)
    text = await reader.read()
    writer.close()
    return len(text)


def main():
    for number in items():
        task(number)


if __name__ == "__main__":
    main()
