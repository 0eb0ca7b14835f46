# expect: sync any
"""A database of SQLite's, a commit each row: whoever commits waits for the others."""
import os
import sqlite3
import tempfile

FOLDER = tempfile.mkdtemp()
PATH = os.path.join(FOLDER, "log.db")
database = sqlite3.connect(PATH)
database.execute("create table log (message text)")


def log(message):
    database.execute("insert into log values (?)", (message,))
    database.commit()  # hot


if __name__ == "__main__":
    for number in range(1500):
        log(f"message {number}")
    database.close()
    os.unlink(PATH)
    os.rmdir(FOLDER)
