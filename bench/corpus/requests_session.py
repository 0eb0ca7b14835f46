# expect: async io
"""As tutorials have it: one session, a loop in a function, a method that does the work."""
import sys
import threading

import requests

import client

URL = sys.argv[1]
session = client.session
local = threading.local()


def items():
    return [f"{URL}{n}" for n in range(30)]


def task(url):
    if not hasattr(local, "session"):
        local.session = requests.Session()
    with local.session.get(url) as answer:  # hot
        return len(answer.content)


async def atask(url):
    return len(await client.get(url))


def download_all(urls):
    total = 0
    for url in urls:
        total += task(url)
    return total


if __name__ == "__main__":
    download_all(items())
