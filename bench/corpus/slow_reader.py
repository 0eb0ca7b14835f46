# expect: sync neither
"""What it writes is read slowly: the reader sets the pace."""
import subprocess
import sys

READER = "import sys, time\nwhile sys.stdin.buffer.read(65536):\n    time.sleep(0.05)"
reader = subprocess.Popen([sys.executable, "-S", "-c", READER], stdin=subprocess.PIPE, bufsize=0)


def write(number):
    reader.stdin.write(b"%d %s\n" % (number, b"x" * 2000))  # hot


if __name__ == "__main__":
    for number in range(800):
        write(number)
    reader.stdin.close()
    reader.wait()
