# expect: async any
# because: held up for .* at line 10 of loop_blocked.py, which waits without await
"""Tasks of asyncio, of which each holds up all others."""
import asyncio
import time


async def task(number):
    await asyncio.sleep(0.02)
    time.sleep(0.02)  # hot
    return number


async def main():
    print(sum(await asyncio.gather(*[task(number) for number in range(50)])))


asyncio.run(main())
