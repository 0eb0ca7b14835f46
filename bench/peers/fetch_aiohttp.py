"""The peer of overlap fetch: aiohttp, as many at once, each page into a file of its own."""
import asyncio
import os
import sys

import aiohttp


async def fetch(session, limit, url, folder):
    async with limit, session.get(url) as response:
        body = await response.read()
    with open(os.path.join(folder, url.rsplit("/", 1)[1]), "wb") as file:
        file.write(body)


async def main(list_name, folder, at_once):
    with open(list_name) as lines:
        urls = lines.read().split()
    limit = asyncio.Semaphore(at_once)
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(fetch(session, limit, url, folder) for url in urls))


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
