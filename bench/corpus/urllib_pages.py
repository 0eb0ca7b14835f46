# expect: async io
"""Pages by urllib, in a loop at the top of the program."""
import sys
import urllib.request

import client

URL = sys.argv[1]
session = client.session


def items():
    return [f"{URL}{n}" for n in range(30)]


def task(url):
    with urllib.request.urlopen(url) as answer:  # hot
        return len(answer.read())


async def atask(url):
    return len(await client.get(url))


if __name__ == "__main__":
    total = 0
    for url in items():
        total += task(url)
