# expect: async io
"""Queries that the database takes its time for; argv[2] says where it is."""
import sys
import threading

import psycopg2

WHERE = sys.argv[2]
local = threading.local()


def items():
    return range(30)


def task(number):
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(WHERE)
    with local.connection.cursor() as cursor:
        cursor.execute("select pg_sleep(0.03), %s", (number,))  # hot
        return cursor.fetchone()


class session:
    async def __aenter__(self):
        import asyncpg
        global pool
        pool = await asyncpg.create_pool(host=WHERE.split()[0].split("=")[1], user="postgres", database="postgres",
                                         min_size=1, max_size=30)

    async def __aexit__(self, *error):
        await pool.close()


async def atask(number):
    async with pool.acquire() as connection:
        return await connection.fetchrow("select pg_sleep(0.03), $1::int", number)


def main():
    for number in items():
        task(number)


if __name__ == "__main__":
    main()
