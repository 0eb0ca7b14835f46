#!/usr/bin/python3
"""table.py OVERLAP [--rounds N] [--only NAME,...] [--quick]: what `overlap advise` says of each program of this
folder, beside what came when the program was really made concurrent.

Runs each program plainly, under `overlap advise`, and in the concurrent form that was advised, in turn. --quick looks
only at what is said, and runs each program once.
"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
NOT_PROGRAMS = {"table.py", "drive.py", "client.py"}
BOUND_OF = {"io": "io", "cpu": "cpu", "mixed": "mixed", "neither": "neither"}


class Origin:
    """The server that the downloads come from."""

    def __init__(self, overlap):
        self.process = subprocess.Popen([overlap, "origin", "--latency", "30ms"], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Database:
    """A PostgreSQL of our own, in a folder that goes away; None where there is none."""

    def __init__(self):
        programs = sorted(p for p in (f"/usr/lib/postgresql/{n}/bin" for n in range(11, 20)) if os.path.isdir(p))
        self.where = None
        self.folder = None
        if not programs:
            return
        self.programs = programs[-1]
        self.folder = tempfile.mkdtemp(prefix="overlap-pg-")
        self.user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        data = os.path.join(self.folder, "data")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
        made = subprocess.run(self.user + [f"{self.programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"], **quiet)
        if made.returncode:
            return
        self.data = data
        started = subprocess.run(self.user + [f"{self.programs}/pg_ctl", "-D", data, "-w", "-o",
                                              f"-k {self.folder} -c listen_addresses=''", "start"], **quiet)
        if started.returncode == 0:
            self.where = f"host={self.folder} user=postgres dbname=postgres"

    def close(self):
        if self.where:
            subprocess.run(self.user + [f"{self.programs}/pg_ctl", "-D", self.data, "-m", "immediate", "stop"],
                           stdout=subprocess.DEVNULL, cwd="/")
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Program:
    def __init__(self, name):
        self.name = name
        self.path = os.path.join(HERE, name + ".py")
        with open(self.path, encoding="utf-8") as file:
            self.lines = file.readlines()
        self.model, self.bound = re.match(r"# expect: (\w+) (\w+)", self.lines[0]).groups()
        self.hot = [n + 1 for n, line in enumerate(self.lines) if line.rstrip().endswith("# hot")][0]
        text = "".join(self.lines)
        self.needs_database = "psycopg2" in text


def timed(command):
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=HERE, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: exit code {done.returncode}: {done.stderr[-500:]}")
    return time.perf_counter() - start


def advise(overlap, program, arguments):
    with tempfile.NamedTemporaryFile("r", suffix=".json") as output:
        seconds = timed([overlap, "advise", "--output", output.name, "--", PYTHON, program.path] + arguments)
        return json.load(open(output.name, encoding="utf-8")), seconds


def predicted(document, model, workers):
    for entry in document["predictions"]:
        if entry["model"] == model and entry["workers"] == workers:
            return entry["speedup"]
    return None


def what_pays(program, arguments, advised):
    """What is right depends on the disk: it is tried. A model that gains 1.2 and more may be advised."""
    plain = min(timed([PYTHON, program.path] + arguments) for _ in range(3))
    gains = {model: plain / min(timed([PYTHON, "drive.py", model, "4", program.name] + arguments) for _ in range(3))
             for model in ("threads", "processes")}
    if advised == "sync":
        return "sync" if max(gains.values()) < 1.4 else max(gains, key=gains.get)
    return advised if gains.get(advised, 0) >= 1.2 else "sync"


def look(overlap, program, arguments, rounds, quick):
    """One row: what was said, and what came."""
    document, _ = advise(overlap, program, arguments)
    model = document["recommendation"]["model"]
    workers = document["recommendation"]["workers"]
    top = document["where"][0] if document["where"] else {"line": 0, "file": ""}
    expected = program.model
    if expected == "measured":
        expected = what_pays(program, arguments, model)
    row = {
        "name": program.name, "model": model, "workers": workers, "bound": document["bound"], "line": top["line"],
        "verdict_right": model == expected and program.bound in ("any", document["bound"]),
        "line_right": top["line"] == program.hot and os.path.basename(top["file"]) == program.name + ".py",
        "count": (document["unit"] or {}).get("count"),
        "reason": document["recommendation"]["reason"],
    }
    if quick:
        return row
    row.update(plain=[], under=[], said=[], concurrent=[])
    for _ in range(rounds):
        row["plain"].append(timed([PYTHON, program.path] + arguments))
        document, _ = advise(overlap, program, arguments)
        row["under"].append(document["wall_seconds"])
        advised = document["recommendation"]
        if model != "sync" and advised["model"] == model:
            row["said"].append(predicted(document, model, advised["workers"]))
            row["concurrent"].append(timed([PYTHON, "drive.py", model, str(advised["workers"]), program.name] + arguments))
    return row


def work_out(row):
    """The figures of a row, from its samples: medians."""
    if row.get("plain"):
        row["seconds"] = statistics.median(row["plain"])
        row["overhead"] = statistics.median(row["under"]) / row["seconds"] - 1
    if row.get("concurrent") and None not in row["said"]:
        row["predicted"] = statistics.median(row["said"])
        row["came"] = row["seconds"] / statistics.median(row["concurrent"])
        row["off"] = row["predicted"] / row["came"] - 1
    return row


def merge(files):
    """The rows of several rounds as one: right is what was right in each."""
    rows = {}
    for file in files:
        with open(file, encoding="utf-8") as stream:
            for row in json.load(stream):
                whole = rows.setdefault(row["name"], row)
                if whole is row:
                    continue
                for key in ("plain", "under", "said", "concurrent"):
                    whole[key] += row[key]
                whole["verdict_right"] &= row["verdict_right"]
                whole["line_right"] &= row["line_right"]
    return [work_out(row) for row in rows.values()]


def show(row):
    off = f"{row['predicted']:7.2f} {row['came']:7.2f} {100 * row['off']:+6.0f}%" if "off" in row else " " * 23
    cost = f"{row['seconds']:6.2f} {100 * row['overhead']:+6.1f}%" if "overhead" in row else ""
    print(f"{row['name']:19s} {row['model']:9s} {row['workers']:4d} {row['bound']:8s}"
          f"{'yes' if row['verdict_right'] else 'NO':>5s} {row['line']:5d} {'yes' if row['line_right'] else 'NO':>5s}"
          f" {off} {cost}", flush=True)


def summary(rows):
    off = sorted(abs(row["off"]) for row in rows if "off" in row)
    print(f"\nverdict right: {sum(row['verdict_right'] for row in rows)} of {len(rows)};"
          f" hot line right: {sum(row['line_right'] for row in rows)} of {len(rows)}")
    if off:
        print(f"speed-up as predicted against as it came: off by {100 * statistics.median(off):.0f}% (median),"
              f" {100 * off[-1]:.0f}% (worst); wanted: 20%, 40%")
        costs = [row["overhead"] for row in rows if "overhead" in row]
        print(f"overhead: {100 * statistics.median(costs):.1f}% (median), {100 * max(costs):.1f}% (worst); wanted: 5%")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("overlap", nargs="?")
    parser.add_argument("--merge", nargs="+", help="print what --json wrote in several rounds")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    title = "program             advised      w bound    right  line right     said    came     off   time   cost"
    if options.merge:
        rows = merge(options.merge)
        print(title)
        for row in rows:
            show(row)
        summary(rows)
        return 0
    names = options.only.split(",") if options.only else sorted(
        file[:-3] for file in os.listdir(HERE) if file.endswith(".py") and file not in NOT_PROGRAMS)
    programs = [Program(name) for name in names]
    overlap = os.path.abspath(options.overlap)
    origin = Origin(overlap)
    database = Database() if any(program.needs_database for program in programs) else None
    rows = []
    print(title)
    try:
        for program in programs:
            if program.needs_database and not database.where:
                print(f"{program.name:19s} left out: no PostgreSQL here")
                continue
            arguments = [origin.url] + ([database.where] if database else [])
            row = look(overlap, program, arguments, options.rounds, options.quick)
            rows.append(row)
            show(work_out(dict(row)))
    finally:
        origin.close()
        if database:
            database.close()
    summary([work_out(dict(row)) for row in rows])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)
    wrong = [row["name"] for row in rows if not (row["verdict_right"] and row["line_right"])]
    for row in rows:
        if row["name"] in wrong:
            print(f"{row['name']}: {row['reason']}")
    return 1 if options.quick and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
