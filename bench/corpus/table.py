#!/usr/bin/python3
"""table.py OVERLAP [--rounds N] [--only NAME,...] [--quick]: what `overlap advise` says of each program of this
folder, beside what came when the program was really made concurrent.

Runs each program plainly, under `overlap advise`, and in the concurrent form that was advised, all programs in turn,
so that each one's pairs are spread over the whole time. --quick looks only at what is said, and runs each program once.
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
NOT_PROGRAMS = {"table.py", "drive.py", "client.py", "flood.py"}

STEADY = 0.1  # between the shortest and the longest run of a program, and between what it gained
PAIRS_MOST = 7
MORE_SECONDS = 40  # for more pairs of those that are not


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
    """One of this folder's: how it is run as it is, and in its concurrent form."""

    def __init__(self, file, folder):
        self.name, kind = os.path.splitext(file)
        self.file = file
        path = os.path.join(HERE, file)
        with open(path, encoding="utf-8") as source:
            lines = source.readlines()
        self.model, self.bound = re.match(r"(?:#|//) expect: (\w+) (\w+)", lines[0]).groups()
        because = re.match("# because: (.*)", lines[1])
        self.because = because[1] if because else None  # of one that is concurrent already
        self.hot = next((n + 1 for n, line in enumerate(lines) if re.search(r"(#|//) hot$", line)), None)
        text = "".join(lines)
        self.takes_workers = "WORKERS" in text
        self.needs_database = "psycopg2" in text
        self.command = [PYTHON, path]
        self.python = kind == ".py"
        if not self.python:
            self.command = [os.path.join(folder, self.name)]
            subprocess.run(["cc", "-O2", "-g", "-pthread", path, "-o", self.command[0]], check=True)

    def concurrent(self, model, workers, arguments):
        """None: what was advised is no number of workers."""
        if model == "sync" or (self.because and not self.takes_workers):
            return None
        if self.because:
            return self.command + arguments + [str(workers)]
        if self.python:
            return [PYTHON, "drive.py", model, str(workers), self.name] + arguments
        return self.command + [str(workers)]


def timed(command):
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=HERE, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: exit code {done.returncode}: {done.stderr[-500:]}")
    return time.perf_counter() - start


def advise(overlap, program, arguments):
    with tempfile.NamedTemporaryFile("r", suffix=".json") as output:
        timed([overlap, "advise", "--output", output.name, "--"] + program.command + arguments)
        return json.load(open(output.name, encoding="utf-8"))


def spread(times):
    return max(times) / min(times) - 1


class Pairs:
    """The program as it is and as it is made concurrent, in turn: each pair gives what that gained."""

    def __init__(self, program, arguments, model, workers):
        self.plain = []
        self.gains = []
        self.commands = program.command + arguments, program.concurrent(model, workers, arguments)

    def add(self):
        self.plain.append(timed(self.commands[0]))
        if self.commands[1]:
            self.gains.append(self.plain[-1] / timed(self.commands[1]))

    def are_unsteady(self):
        return self.gains and len(self.plain) < PAIRS_MOST and max(spread(self.plain), spread(self.gains)) > STEADY

    def gain(self):
        return statistics.median(self.gains)


def predicted(document, model, workers):
    for entry in document["predictions"]:
        if entry["model"] == model and entry["workers"] == workers:
            return entry["speedup"]
    return None


def gains_of(program, arguments, advised):
    """What is right depends on the disk: what each model gains is measured. None: that is known of the program."""
    if program.model != "measured":
        return None
    gains = {}
    for model in ("threads", "processes"):
        pairs = Pairs(program, arguments, model, advised["workers"] if advised["model"] == model else 2)
        for _ in range(3):
            pairs.add()
        gains[model] = pairs.gain()
    return gains


def is_right(program, document, gains):
    """Where gains were measured: a model that gains 1.2 and more may be advised, and must where it gains 1.4."""
    model = document["recommendation"]["model"]
    if gains is not None:
        return max(gains.values()) < 1.4 if model == "sync" else gains.get(model, 0) >= 1.2
    if program.because and not re.search(program.because, document["recommendation"]["reason"]):
        return False
    return model == program.model and program.bound in ("any", document["bound"])


def is_hot(program, document):
    if not program.hot:
        return True
    top = document["where"][0] if document["where"] else {"line": 0, "file": ""}
    return top["line"] == program.hot and os.path.basename(top["file"]) == program.file


class Row:
    """What was said of one program, and what came, over all rounds. Right is what was right in each."""

    def __init__(self, overlap, program, arguments):
        self.overlap, self.program, self.arguments = overlap, program, arguments
        self.pairs = None
        self.gains = None
        self.row = {"name": program.name, "verdict_right": True, "line_right": True, "under": [], "said": [], "times_more": []}

    def first(self, document):
        advised = document["recommendation"]
        self.gains = gains_of(self.program, self.arguments, advised)
        self.pairs = Pairs(self.program, self.arguments, advised["model"], advised["workers"])
        self.row.update(model=advised["model"], workers=advised["workers"], bound=document["bound"], reason=advised["reason"],
                        line=document["where"][0]["line"] if document["where"] else 0,
                        count=(document["unit"] or {}).get("count"), plain=self.pairs.plain, gains=self.pairs.gains)

    def advise(self):
        document = advise(self.overlap, self.program, self.arguments)
        if not self.pairs:
            self.first(document)
        row = self.row
        row["verdict_right"] &= is_right(self.program, document, self.gains)
        row["line_right"] &= is_hot(self.program, document)
        row["under"].append(document["wall_seconds"])
        advised = document["recommendation"]
        if advised["model"] == row["model"]:
            row["said"].append(predicted(document, row["model"], advised["workers"]))

    def round(self):
        self.advise()
        self.pairs.add()
        self.row["times_more"].append(self.row["under"][-1] / self.pairs.plain[-1])


def go_on(rows):
    """More pairs where they differ: a machine that has less to give for some seconds must not spoil all of one
    program's, so these too are taken in turn."""
    end = time.monotonic() + MORE_SECONDS
    while time.monotonic() < end:
        unsteady = [row.pairs for row in rows if row.pairs.are_unsteady()]
        if not unsteady:
            return
        for pairs in unsteady:
            pairs.add()


def work_out(row):
    """The figures of a row, from its samples: medians."""
    if row.get("plain"):
        row["seconds"] = statistics.median(row["plain"])
        row["overhead"] = statistics.median(row["times_more"]) - 1
    if row.get("gains") and None not in row["said"]:
        row["predicted"] = statistics.median(row["said"])
        row["came"] = statistics.median(row["gains"])
        row["within"] = min(row["gains"]) <= row["predicted"] <= max(row["gains"])
        row["off"] = row["predicted"] / row["came"] - 1
    return row


def show(row):
    off = " " * 35
    if "off" in row:
        off = (f"{row['predicted']:7.2f} {row['came']:7.2f} {min(row['gains']):5.2f} {max(row['gains']):5.2f}"
               f" {100 * row['off']:+6.0f}%")
    cost = f"{row['seconds']:6.2f} {100 * row['overhead']:+6.1f}%" if "overhead" in row else ""
    print(f"{row['name']:19s} {row['model']:9s} {row['workers']:4d} {row['bound']:8s}"
          f"{'yes' if row['verdict_right'] else 'NO':>5s} {row['line']:5d} {'yes' if row['line_right'] else 'NO':>5s}"
          f" {off} {cost}", flush=True)


def flood(overlap):
    """A program with very many events: how long after its end the page begins, and what the command's memory was."""
    with tempfile.TemporaryDirectory() as folder:
        command = [overlap, "advise", "--report", f"{folder}/page.html", "--trace", f"{folder}/trace.json", "--",
                   PYTHON, os.path.join(HERE, "flood.py")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watched:
            ended, kilobytes = map(int, watched.stdout.readline().split())
            watched.stderr.read(1)
            seconds = time.monotonic() - ended / 1e9
            watched.stderr.read()
    return seconds, kilobytes / 1024


def target(text, reached):
    print(f"{text:76s} {'reached' if reached else 'missed'}")


def summary(rows):
    print()
    for what, key in (("verdict", "verdict_right"), ("hot line", "line_right")):
        right = sum(row[key] for row in rows)
        target(f"{what} right in all: {right} of {len(rows)}", right == len(rows))
    off = sorted(abs(row["off"]) for row in rows if "off" in row)
    costs = [row["overhead"] for row in rows if "overhead" in row]
    if off:
        median, worst = statistics.median(off), off[-1]
        target(f"speed-up as predicted, against as it came, within 20% (median): {100 * median:.0f}%", median <= 0.2)
        target(f"the same within 40% in the worst: {100 * worst:.0f}%", worst <= 0.4)
        inside = sum(row["within"] for row in rows if "off" in row)
        print(f"said what lies between the least and the most that the pairs gained: {inside} of {len(off)}")
    if costs:
        cost = statistics.median(costs)
        target(f"time under advise, against plainly, at most 5% more (median): {100 * cost:+.1f}%", cost <= 0.05)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("overlap")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    title = "program             advised      w bound    right  line right     said    came  from    to     off   time   cost"
    only = set(options.only.split(",")) if options.only else None
    files = sorted(file for file in os.listdir(HERE) if re.search(r"\.(py|c)$", file) and file not in NOT_PROGRAMS
                   and (not only or os.path.splitext(file)[0] in only))
    folder = tempfile.mkdtemp()
    programs = [Program(file, folder) for file in files]
    overlap = os.path.abspath(options.overlap)
    origin = Origin(overlap)
    database = Database() if any(program.needs_database for program in programs) else None
    rows = []
    try:
        for program in programs:
            if program.needs_database and not database.where:
                print(f"{program.name:19s} left out: no PostgreSQL here")
                continue
            arguments = [origin.url] if program.python else []
            if program.needs_database:
                arguments.append(database.where)
            rows.append(Row(overlap, program, arguments))
        for _ in range(options.rounds):
            for row in rows:
                if options.quick:
                    row.advise()
                else:
                    row.round()
        if not options.quick:
            go_on(rows)
    finally:
        origin.close()
        shutil.rmtree(folder, ignore_errors=True)
        if database:
            database.close()
    rows = [row.row for row in rows]
    print(title)
    for row in rows:
        show(work_out(dict(row)))
    summary([work_out(dict(row)) for row in rows])
    if not options.quick and not options.only:
        seconds, megabytes = flood(overlap)
        target(f"first answer, of 60,000 waits and more, within 1 s of the end: {seconds:.2f} s", seconds <= 1)
        target(f"the command's memory then, at most 20 MB: {megabytes:.1f} MB", megabytes <= 20)
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
