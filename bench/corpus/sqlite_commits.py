# expect: measured any
"""Databases of SQLite, a commit each."""
import os
import sqlite3
import tempfile

FOLDER = tempfile.mkdtemp()


def items():
    return range(700)


def task(number):
    path = os.path.join(FOLDER, f"{number}.db")
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("begin")
    database.execute("create table t (n)")
    database.executemany("insert into t values (?)", [(n,) for n in range(50)])
    database.execute("commit")  # hot
    database.close()
    os.unlink(path)


async def atask(number):
    import asyncio
    await asyncio.to_thread(task, number)


def main():
    for number in items():
        task(number)
    os.rmdir(FOLDER)


if __name__ == "__main__":
    main()
