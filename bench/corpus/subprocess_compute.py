# expect: threads cpu
"""Commands that compute: whoever waits for them waits for processors."""
import subprocess


def items():
    return range(12)


def task(number):
    command = "n=0; while [ $n -lt 60000 ]; do n=$((n+1)); done; echo $n"
    return subprocess.run(["sh", "-c", command], capture_output=True).stdout  # hot


async def atask(number):
    import asyncio
    command = "n=0; while [ $n -lt 60000 ]; do n=$((n+1)); done; echo $n"
    child = await asyncio.create_subprocess_exec("sh", "-c", command, stdout=asyncio.subprocess.PIPE)
    return (await child.communicate())[0]


if __name__ == "__main__":
    for number in items():
        task(number)
