"""Every URL 80 times, one download after the other: requests, one session."""

import sys
import time

import requests


def download_site(url, session):
    with session.get(url) as response:
        response.raise_for_status()
        print(f"Read {len(response.content)} from {url}")


def download_all_sites(sites):
    with requests.Session() as session:
        for url in sites:
            download_site(url, session)


if __name__ == "__main__":
    sites = sys.argv[1:] * 80
    start_time = time.time()
    download_all_sites(sites)
    duration = time.time() - start_time
    print(f"Downloaded {len(sites)} in {duration} seconds")
