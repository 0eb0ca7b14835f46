"""Every URL 80 times, all at a time: asyncio, aiohttp, one session.

aiohttp opens 100 connections at most unless told otherwise; --unlimited tells it otherwise.
"""

import asyncio
import sys
import time

import aiohttp


async def download_site(session, url):
    async with session.get(url) as response:
        response.raise_for_status()
        content = await response.read()
        print(f"Read {len(content)} from {url}")


async def download_all_sites(sites, connector_options):
    connector = aiohttp.TCPConnector(**connector_options)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(download_site(session, url) for url in sites))


if __name__ == "__main__":
    urls = sys.argv[1:]
    connector_options = {}
    if urls and urls[0] == "--unlimited":
        connector_options["limit"] = 0
        urls = urls[1:]
    sites = urls * 80
    start_time = time.time()
    asyncio.run(download_all_sites(sites, connector_options))
    duration = time.time() - start_time
    print(f"Downloaded {len(sites)} in {duration} seconds")
