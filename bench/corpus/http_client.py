# expect: async io
"""http.client by hand, in a while loop."""
import http.client
import sys
from urllib.parse import urlsplit

import client

URL = sys.argv[1]
HOST = urlsplit(URL).netloc
session = client.session


def items():
    return range(30)


def task(number):
    connection = http.client.HTTPConnection(HOST)
    connection.request("GET", f"/{number}")
    text = connection.getresponse().read()  # hot
    connection.close()
    return len(text)


async def atask(number):
    return len(await client.get(f"{URL}{number}"))


def main():
    waiting = list(items())
    done = 0
    while waiting:
        done += task(waiting.pop())


if __name__ == "__main__":
    main()
