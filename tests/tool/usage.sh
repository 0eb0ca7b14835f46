#!/bin/sh
# Wrong usage: exit code 2, and an error that names the thing and the remedy.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

# refuse PATTERN ARGUMENT...: nothing on standard output, one line on standard error.
refuse() {
    pattern=$1
    shift
    expect 2 "$@"
    says err "$pattern"
    [ ! -s out ] || fail "overlap $*: wrote to standard output"
    [ "$(wc -l <err)" -eq 1 ] || fail "overlap $*: more than one line of error"
}

refuse 'a verb is missing'
refuse "unknown verb 'comare' (did you mean 'compare'?)" comare
refuse "unknown verb ''" ''
refuse "unknown option '--hepl' (did you mean '--help'?)" --hepl
refuse 'unknown option --latancy (did you mean .--latency.?)' compare --latancy 5ms
refuse 'unknown option --latancy' compare --latancy=5ms
refuse 'unknown option -x' compare -x
refuse "unknown program 'disk'; there are io and cpu" compare disk
refuse '--json takes no value' compare --json=yes
refuse '--downloads needs a value' compare --downloads
refuse '-w needs a value' compare -w

refuse "unknown model 'asink'.*there are sync, threads, async, processes, auto and cluster" compare --models asink
refuse "did you mean 'async'" compare --models sync,asinc
refuse "unknown model ''" compare --models sync,
refuse 'names sync twice' compare --models sync,synchronous
refuse 'its value is empty' compare --models ''

refuse '-w 0: too small; 1 is the least' compare -w 0
refuse '-w 0: too small' compare -w0
refuse '--workers -3: it cannot be negative' compare --workers -3
refuse '--workers many: not a number' compare --workers many
refuse '--workers 1.5: not a number' compare --workers=1.5
refuse '--workers 99999999: too large; 1000000 is the most' compare --workers 99999999
refuse 'too large' compare --workers 99999999999999999999999999999
refuse '--workers 5000: threads and processes take at most 4096' compare --workers 5000
refuse '--workers 0: too small' origin --workers 0

refuse '--latency 250: the unit is missing; write 250ms' compare --latency 250
refuse '--latency 250: the unit is missing' origin --latency=250
refuse '--latency 1.5: the unit is missing' compare --latency 1.5
refuse '--latency 5x: no such unit' compare --latency 5x
refuse '--latency -5ms: it cannot be negative' compare --latency -5ms
refuse '--latency soon: not a number' compare --latency soon
refuse '--latency 9000h: too large' compare --latency 9000h
refuse 'its value is empty' compare --latency ''
refuse '--size 3Q: no such unit' compare --size 3Q
refuse '--size -1k: it cannot be negative' origin --size -1k
refuse '--size 2T: too large; 1T is the most' origin --size 2T
refuse '--number 1000000000001: too large' compare --number 1000000000001
refuse 'no such choice; give auto, always or never' compare --progress sometimes

refuse "does not begin with http" compare --url nonsense
refuse "does not begin with http" compare --url ftp://127.0.0.1/
refuse "'http://': not a URL" compare --url http://
refuse "not a URL" compare --url http://127.0.0.1:99999/
refuse "not a URL" compare --url 'http://127.0.0.1/a b'
refuse '--latency is for overlap.s own server' compare --url http://127.0.0.1/ --latency 5ms
refuse '--size is for overlap.s own server' compare --url http://127.0.0.1/ --size 5
refuse '--url is for the io program' compare cpu --url http://127.0.0.1/

refuse '--port 70000: too large' origin --port 70000
refuse '--port -1: it cannot be negative' origin --port -1
refuse "'here': origin takes options only" origin here
refuse 'not an IPv4 address' origin --address localhost

# What is asked for and is nothing is done.
expect 0 compare --downloads 0 --sums 0
says out 'Nothing was asked for'

expect 0 --version
says out '^overlap [0-9]*\.[0-9]*\.[0-9]*$'
for verb in advise compare fetch run origin; do
    expect 0 --help
    says out "^  $verb "
    expect 0 "$verb" --help
    says out "^Usage: overlap $verb "
    [ ! -s err ] || fail "overlap $verb --help: wrote to standard error"
    awk 'length > 80 { exit 1 }' out || fail "overlap $verb --help is wider than 80 columns"
    mv out help
    expect 0 help "$verb"
    cmp -s out help || fail "overlap help $verb is not what $verb --help is"
done
refuse "unknown verb 'nothing'" help nothing
finish
