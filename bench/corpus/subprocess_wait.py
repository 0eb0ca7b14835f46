# expect: async io
"""Commands that wait themselves."""
import subprocess


def items():
    return range(20)


def task(number):
    return subprocess.run(["sleep", "0.05"]).returncode  # hot


async def atask(number):
    import asyncio
    child = await asyncio.create_subprocess_exec("sleep", "0.05")
    return await child.wait()


if __name__ == "__main__":
    codes = [task(number) for number in items()]
