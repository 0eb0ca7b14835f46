"""drive.py MODEL WORKERS PROGRAM [ARGUMENT...]: a program of this folder, run concurrently.

A program has `task(item)` and `items()`, and `atask(item)` where there is an asyncio form of it. Prints nothing of its
own: what is measured is the whole process.
"""
import importlib
import sys
import types


def threads(program, workers):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(program.task, program.items()))


def processes(program, workers):
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(program.task, program.items()))


def asynchronous(program, workers):
    import asyncio

    async def main():
        limit = asyncio.Semaphore(workers)

        async def one(item):
            async with limit:
                return await program.atask(item)

        async with program.session() if hasattr(program, "session") else limit:
            return await asyncio.gather(*[one(item) for item in program.items()])

    return asyncio.run(main())


if __name__ == "__main__":
    model, workers, name = sys.argv[1:4]
    del sys.argv[1:4]
    if model == "async":
        # The asyncio form does not import what it replaces.
        sys.modules["requests"] = types.ModuleType("requests")
    program = importlib.import_module(name)
    {"threads": threads, "processes": processes, "async": asynchronous}[model](program, int(workers))
