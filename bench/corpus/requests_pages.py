# expect: async io
"""Pages, one after the other, by requests; a connection each."""
import sys

import requests

import client

URL = sys.argv[1]
session = client.session


def items():
    return [f"{URL}{n}" for n in range(24)]


def task(url):
    return len(requests.get(url).content)  # hot


async def atask(url):
    return len(await client.get(url))


if __name__ == "__main__":
    sizes = [task(url) for url in items()]
