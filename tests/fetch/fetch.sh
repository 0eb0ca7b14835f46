#!/bin/sh
# fetch: lists, names, clashes, what exists, output, JSON, resuming, journals; under every model.
# shellcheck source=tests/fetch/lib.sh
. "$(dirname "$0")/lib.sh"
start_faulty -s 1

# The plainest call; and one that fails beside one that does not.
expect 0 fetch "$site/good/a"
holds /good/a a
expect 1 fetch -d two "$site/good/b" "ftp://127.0.0.1/x" "$site/500/99/x" --retry 0 --json
fetch_document
equals 'done' 1
equals failed 2
holds /good/b two/b
says err 'only http:// and https://'
says err 'status 500'
[ ! -e two/x ] || fail 'an error page became a file'
[ ! -e two/.overlap-fetch ] || fail 'the folder of parts was left'

# Nothing to do, and nothing given.
: >empty
expect 0 fetch -i empty
says err 'nothing to fetch'
expect 2 fetch
says err 'nothing to fetch; give URLs'
expect 3 fetch -i nobody
says err "cannot read the list 'nobody'"
! grep -q 'nothing to fetch' err || fail "a list that is not there is told of as empty: $(cat err)"

# Every model does the same.
seq -f "$site/good/n%.0f" 40 >list
for model in sync threads async processes auto asyncio; do
    expect 0 fetch -i list -d "m-$model" --model "$model" -w 4 --json
    fetch_document
    equals 'done' 40
    for n in 1 17 40; do
        holds "/good/n$n" "m-$model/n$n"
    done
done

# A large file, whose part has a note while it grows, leaves nothing beside it; nor does one that was gone on with.
for model in sync threads async processes; do
    expect 0 fetch "$site/good/large?size=3000000" "$site/truncate/1/$model?size=3000000" --model "$model" -d "large-$model" --retry-delay 0.01
    holds '/good/large?size=3000000' "large-$model/large"
    [ ! -e "large-$model/.overlap-fetch" ] || fail "$model: left beside a large file: $(find "large-$model")"
done
expect 2 fetch x --model nonsense
says err 'no such model'
expect 2 fetch --model cluster "$site/good/a"
says err 'no such model; there are auto'

# A limit of the rate does not put off the end of the time.
for limit in --limit-rate --limit-rate-total; do
    expect 1 fetch "$site/good/limited?size=600000" -d limited "$limit" 20k --max-time 2 --retry 0
    says err 'Timeout was reached'
done
expect 0 fetch "$site/good/limited?size=600000" -d limited
holds '/good/limited?size=600000' limited/limited

# What other programs call it; and their -c, behind which a URL would be taken for the file of cookies.
expect 2 fetch --no-clobber "$site/good/a"
says err '^overlap fetch: there is no --no-clobber here: --skip-existing '
expect 2 fetch -j 5 "$site/good/a"
says err '^overlap fetch: there is no -j here: -w N '
expect 2 fetch --max-connection-per-server=2 "$site/good/a"
says err '^overlap fetch: there is no --max-connection-per-server here: --parallel-max-host N '
expect 2 fetch -c "$site/good/a"
says err '^overlap fetch: -c http:.*leave out -c'

# A list through a pipe; comments; names, checksums and mirrors behind tabs.
sum=$("$VERIFY" -s /good/sum | sha256sum | cut -d' ' -f1)
{
    printf '# a list\n\n'
    printf '%s/good/one\tfirst\n' "$site"
    printf '%s/good/sum\tsub/summed\tsha256=%s\n' "$site" "$sum"
    printf '%s/500/99/gone\tmirrored\t%s/good/mirror\n' "$site" "$site"
    printf '%s/good/aria\n  out=from-aria\n  dir=deep/er\n  header=X-Some: thing\n' "$site"
} >fields
"$OVERLAP" fetch -i - -d lists --json <fields >out 2>err || fail "a list through a pipe: $(cat err)"
fetch_document
holds /good/one lists/first
holds /good/sum lists/sub/summed
holds /good/mirror lists/mirrored
holds /good/aria lists/deep/er/from-aria

# Indented lines that are URLs are URLs, after spaces and after tabs.
printf '\357\273\277  %s/good/in1\n  %s/good/in2\n\t%s/good/in3\n' "$site" "$site" "$site" >indented
expect 0 fetch -i indented -d indented-files
for n in 1 2 3; do holds "/good/in$n" "indented-files/in$n"; done

# A line that is none of a list's, and a request that no server takes, fail alone.
letters() {
    head -c "$1" /dev/zero | tr '\0' x
}
{
    printf '%s/good/before\n' "$site"
    letters 10000000
    printf '\n%s/good/between\n  header=X-Long: %s\n%s/good/zero\n  out=a\0b\n' "$site" "$(letters 600000)" "$site"
    printf '%s/%s\n%s/good/after\n' "$site" "$(letters 600000)" "$site"
} >long
expect 1 fetch -i long -d long-files --json
fetch_document
equals 'done' 2
equals failed 4
[ "$(json workers)" -gt 1 ] || fail "what one of them asks for was taken for a lack of memory: $(cat err)"
says err '^overlap fetch: xxx.*: its line is longer than 4 MiB'
says err 'good/zero: a line below it has a zero byte'
[ "$(grep -c 'longer than 512 KiB' err)" -eq 2 ] || fail "not two requests are too long: $(cut -c1-200 err)"
holds /good/after long-files/after
{
    printf '%s/good/before\n' "$site"
    head -c 80000000 /dev/zero
} >endless
expect 3 fetch -i endless -d endless-files --json
says err "'endless' has no end of a line in 64 MiB; is it a list"
[ $(($(json 'done') + $(json failed) + $(json not_started))) -eq 2 ] || fail "not both are counted: $(cat out)"
rm long endless

# What leads out of the folder is refused, line by line.
{
    printf '%s/good/x\t../out\n%s/good/x\t/tmp/out\n%s/good/x\n  dir=..\n' "$site" "$site" "$site"
    printf '%s/good/x\tone\ttwo\n%s/good/x\tsha256=12\n' "$site" "$site"
} >bad
expect 1 fetch -i bad -d bad-out --json
equals failed 5
[ "$(grep -c 'leads out of the folder' err)" -eq 3 ] || fail "not three lead out: $(cat err)"
[ ! -e bad-out/x ] || fail 'a bad line made a file'

# A checksum that does not hold: no file.
expect 1 fetch "$site/good/sum" -o wrong-sum --checksum "sha256=$(printf '%064d' 0)" --retry 1 --retry-delay 0.01
says err 'another checksum'
[ ! -e wrong-sum ] || fail 'a file with a wrong checksum'
echo "$sum  sum" >SUMS
expect 0 fetch "$site/good/sum" -d summed --checksums SUMS

# What exists, and the three ways out; two URLs with one name.
expect 1 fetch "$site/good/a"
says err "exists; give --overwrite, --skip-existing or --rename"
echo mine >a
expect 0 fetch "$site/good/a" --skip-existing
[ "$(cat a)" = mine ] || fail 'a file that was to be left'
expect 0 fetch "$site/good/a" --rename
holds /good/a a.1
expect 0 fetch "$site/good/a" --overwrite
holds /good/a a
for round in 1 2; do
    expect 0 fetch -d "clash-$round" "$site/good/p/x.txt" "$site/good/q/x.txt" "$site/good/r/x.txt"
    holds /good/p/x.txt "clash-$round/x.txt"
    holds /good/q/x.txt "clash-$round/x.1.txt"
    holds /good/r/x.txt "clash-$round/x.2.txt"
done

# Names from outside are harmless.
expect 0 fetch -d names "$site/good/..%2f..%2fpasswd" "$site/good/CON.txt" "$site/good/.profile" "$site/good/"
for name in _._.._passwd _CON.txt _profile index.html; do
    [ -e "names/$name" ] || fail "no $name in: $(ls -A names)"
done

# Standard output: whole, and in the order in which it was asked for.
"$VERIFY" -s /drip/0/1 >wanted
"$VERIFY" -s '/stall/1/2?size=5000' >>wanted
"$VERIFY" -s /good/3 >>wanted
expect 0 fetch -o - "$site/drip/0/1" "$site/stall/1/2?size=5000" "$site/good/3" --speed-time 1 --retry-delay 0.01
cmp wanted out || fail 'standard output is not what it should be'
if [ -e /dev/full ]; then
    "$OVERLAP" fetch -o - "$site/good/3" >/dev/full 2>err </dev/null
    [ $? -eq 3 ] || fail "a full standard output: $(cat err)"
fi

# A reader that goes away ends it, and it says why.
mkfifo pipe
head -c 20 <pipe >taken &
exec 5>pipe
"$OVERLAP" fetch -o - "$site/good/3?size=300000" "$site/good/4" >&5 2>err </dev/null
code=$?
exec 5>&-
wait $!
[ "$code" -eq 3 ] || fail "a reader that goes away: exit code $code: $(cat err)"
says err 'cannot write to standard output: Broken pipe; its reader went away'
[ "$(grep -c 'cannot write' err)" -eq 1 ] || fail "it is told more than once: $(cat err)"

# Globs, on request.
expect 0 fetch --globs "$site/good/{x,y}[08-10]" -d globs
for n in x08 x09 x10 y08 y10; do holds "/good/$n" "globs/$n"; done

# Retries; Retry-After; a resumed part has the bytes of one version.
for fault in reset-body truncate 503 garbage close length-long chunks range change change-silently; do
    expect 0 fetch "$site/$fault/2/page?size=200000" -d "r-$fault" --retry-delay 0.01 --json
    holds "/$fault/2/page?size=200000" "r-$fault/page"
done
expect 1 fetch "$site/endless/99/x" --max-filesize 100k
says err 'max-filesize'
expect 1 fetch "$site/garbage/99/x" --retry 1 --retry-delay 0.01 --json
says err 'Weird server reply.*; is it a web server'
equals attempts 2
equals error_kind '"transfer"'
expect 1 fetch "$site/endless-headers/99/x"
says err 'max-header-bytes'
expect 1 fetch "$site/long-header" "$site/good/x" --discard --json
says err 'long-header: its headers are longer'
equals 'done' 1
[ "$(json workers)" -gt 1 ] || fail "what one of them asks for was taken for a lack of memory: $(cat err)"
expect 1 fetch "$site/loop/99/x"
says err 'max-redirs'
expect 1 fetch "$site/stall/99/x" --speed-time 1 --retry 0 --json
equals error_kind '"timeout"'
expect 1 fetch "http://127.0.0.1:1/x" --json
equals error_kind '"connect"'
equals attempts 1

# Lines of JSON as items end; the first failure stops all.
expect 0 fetch -i list -d lines --json-lines
[ "$(wc -l <out)" -eq 40 ] || fail 'not a line for each'
expect 1 fetch "$site/500/99/a" -i list -d early --retry 0 --fail-early -w 1 --json
fetch_document
[ "$(json not_started)" -gt 0 ] || fail '--fail-early went on'

# A host's first answer may take long: its other pages do not wait for that.
{
    echo "$site/stall-before/99/x"
    for n in 1 2 3; do echo "$site/good/first/$n"; done
} >slow
expect 1 fetch -i slow -d first -w 4 --speed-time 5 --retry 0 --json-lines
[ "$(grep -c '"error": *null' out)" -eq 3 ] || fail "not three of four: $(cat out)"
! head -3 out | grep -q stall-before || fail "others waited for the first answer: $(cat out)"

# A journal: what is done is not done again, and unchanged pages are not fetched again.
expect 1 fetch -i list "$site/500/2/late" -d kept --journal kept.db --retry 0 --json
equals 'done' 40
before=$("$OVERLAP" fetch -s -o - "$site/requests")
expect 1 fetch -i list "$site/500/2/late" -d kept --journal kept.db --retry 0 --json
fetch_document
equals 'done' 40
[ "$(grep -c '"journal": true' out)" -eq 40 ] || fail 'the journal was not asked'
after=$("$OVERLAP" fetch -s -o - "$site/requests")
[ "$after" -eq $((before + 1)) ] || fail "$((after - before)) requests for one that is left"
expect 0 fetch -i list "$site/500/2/late" -d kept --journal kept.db --refresh --json
[ "$(grep -c '"unchanged": true' out)" -eq 40 ] || fail 'unchanged pages were fetched again'
expect 0 fetch -s -o - "$site/version/1"
expect 0 fetch -i list -d kept --journal kept.db --refresh --json
[ "$(grep -c '"unchanged": true' out)" -eq 0 ] || fail 'changed pages were not fetched'
expect 0 fetch -s -o - "$site/version/0"

expect 0 fetch -i list -d kept --journal kept.db
says err '^40 of 40 URLs, 40 done before: 0 B'
expect 0 fetch -i list -d kept --skip-existing
says err ' 40 there already: 0 B'

# What it leaves beside its output: every transfer, those that failed too.
expect 1 fetch -d timed --report page.html --trace trace.json "$site/good/a" "$site/good/b" "$site/500/99/none" --retry 0
says page.html '/500/99/none'
says trace.json '"traceEvents"'
for name in a b none; do
    says trace.json "/$name"
done
expect 3 fetch -d untimed --report nowhere/page.html "$site/good/a"
says err '--report nowhere/page.html'
[ ! -e untimed/a ] || fail 'it downloaded although its page could not be written'

# A folder that cannot be made.
echo file >in-the-way
expect 3 fetch "$site/good/a" -d in-the-way/sub
says err 'in-the-way'

# A server of few connections, which keeps each until its client ends it: at the end nobody keeps one that others wait for.
end_faulty
start_faulty -s 1 -n 3
seq -f "$site/good/few%.0f" 30 >few
for model in async threads processes; do
    expect 0 fetch -i few -d "few-$model" --model "$model" -w 8 --retry 0 --json
    equals 'done' 30
done
finish
