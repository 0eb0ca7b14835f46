# expect: async io
"""Pages by urllib and what is made of them, by map()."""
import json
import sys
import urllib.request

import client

URL = sys.argv[1]
session = client.session


def items():
    return range(24)


def work(text):
    return json.dumps({"size": len(text), "words": sorted(str(text).split())})


def task(number):
    return work(urllib.request.urlopen(f"{URL}{number}").read())  # hot


async def atask(number):
    return work(await client.get(f"{URL}{number}"))


if __name__ == "__main__":
    results = list(map(task, items()))
