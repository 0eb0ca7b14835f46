# expect: async io
"""Pages, and a checksum of each."""
import hashlib
import sys
import urllib.request

import client

URL = sys.argv[1]
session = client.session


def items():
    return [f"{URL}{n}" for n in range(30)]


def task(url):
    text = urllib.request.urlopen(url).read()  # hot
    return hashlib.sha256(text * 200).hexdigest()


async def atask(url):
    return hashlib.sha256(await client.get(url) * 200).hexdigest()


def main():
    seen = set()
    for url in items():
        seen.add(task(url))
    return seen


if __name__ == "__main__":
    main()
