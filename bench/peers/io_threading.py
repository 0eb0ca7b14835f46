"""Every URL 80 times, five at a time: ThreadPoolExecutor, one requests session per thread."""

import concurrent.futures
import sys
import threading
import time

import requests

thread_local = threading.local()


def get_session():
    if not hasattr(thread_local, "session"):
        thread_local.session = requests.Session()
    return thread_local.session


def download_site(url):
    with get_session().get(url) as response:
        response.raise_for_status()
        print(f"Read {len(response.content)} from {url}")


def download_all_sites(sites):
    with concurrent.futures.ThreadPoolExecutor(max_workers=5) as executor:
        # Going through the results raises what a download raised.
        for _ in executor.map(download_site, sites):
            pass


if __name__ == "__main__":
    sites = sys.argv[1:] * 80
    start_time = time.time()
    download_all_sites(sites)
    duration = time.time() - start_time
    print(f"Downloaded {len(sites)} in {duration} seconds")
