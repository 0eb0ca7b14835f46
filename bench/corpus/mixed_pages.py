# expect: threads mixed
"""Pages, and much computing about each."""
import sys
import urllib.request

import client

URL = sys.argv[1]
session = client.session


def items():
    return [f"{URL}{n}" for n in range(20)]


def count(text):
    total = 0
    for n in range(250_000):
        total += n ^ len(text)
    return total


def task(url):
    return count(urllib.request.urlopen(url).read())  # hot


async def atask(url):
    return count(await client.get(url))


def main():
    for url in items():
        task(url)


if __name__ == "__main__":
    main()
