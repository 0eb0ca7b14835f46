# expect: processes cpu
"""JSON read and written: C code that keeps the GIL."""
import json

RECORDS = json.dumps([{"id": n, "name": f"name {n}", "values": list(range(10))} for n in range(4000)])


def items():
    return range(60)


def task(number):
    return len(json.dumps(json.loads(RECORDS)))  # hot


async def atask(number):
    return task(number)


if __name__ == "__main__":
    for number in items():
        task(number)
