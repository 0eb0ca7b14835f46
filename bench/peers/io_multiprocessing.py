"""Every URL 80 times, as many at a time as there are cores: Pool, one requests session per process."""

import multiprocessing
import os
import sys
import time

import requests

session = None


def set_global_session():
    global session
    if not session:
        session = requests.Session()


def download_site(url):
    with session.get(url) as response:
        response.raise_for_status()
        name = multiprocessing.current_process().name
        print(f"{name}: Read {len(response.content)} from {url}")


def download_all_sites(sites):
    cores = len(os.sched_getaffinity(0))
    with multiprocessing.Pool(cores, initializer=set_global_session) as pool:
        pool.map(download_site, sites)


if __name__ == "__main__":
    sites = sys.argv[1:] * 80
    start_time = time.time()
    download_all_sites(sites)
    duration = time.time() - start_time
    print(f"Downloaded {len(sites)} in {duration} seconds")
