#!/bin/sh
# Proves that every line of every file comes into the table, once, and that a bad file costs itself alone.
#
#     pg_load.sh EXAMPLE
example=$1
# shellcheck source=tests/examples/expect.sh
. "$(dirname "$0")/expect.sh"
# shellcheck source=tests/support/postgres.sh
. "$(dirname "$0")/../support/postgres.sh"
trap 'stop_postgres; clean_up' EXIT
start_postgres

ask() {
    psql --no-psqlrc --quiet --tuples-only --no-align "$connection" -c "$1"
}

ask 'CREATE TABLE "my ""table""" (number int, text text)'
for n in $(seq 20); do
    seq $((n * 1000)) $((n * 1000 + 999)) | sed 's/$/,"a, ""b"""/' >"$scratch/$n.csv"
done
run "$example" "$connection" 'my "table"' "$scratch"/*.csv
expect "exit code" 0 "$code"
expect "files" '20 of 20 files loaded' "$(cat "$scratch/out")"
expect "lines" '20000|20000|1000|20999' \
    "$(ask 'SELECT count(*), count(DISTINCT number), min(number), max(number) FROM "my ""table"""')"

printf '1,x\nnot a number,y\n' >"$scratch/bad.csv"
run "$example" "$connection" 'my "table"' "$scratch/bad.csv" "$scratch/1.csv" "$scratch/none.csv"
expect "exit code with bad files" 1 "$code"
expect "files, two of them bad" '1 of 3 files loaded' "$(cat "$scratch/out")"
expect "the bad file's message" 1 "$(lines err 'bad.csv: ERROR:  invalid input syntax')"
expect "the missing file's message" 1 "$(lines err 'none.csv: No such file')"
expect "lines after it" 21000 "$(ask 'SELECT count(*) FROM "my ""table"""')"

run "$example" "$connection" nowhere "$scratch/1.csv"
expect "exit code without the table" 1 "$code"
expect "message" 1 "$(lines err 'relation "nowhere" does not exist')"
run "$example" "host=$scratch/none" nowhere "$scratch/1.csv"
expect "exit code without a server" 1 "$code"
run "$example"
expect "exit code without arguments" 2 "$code"
finish
