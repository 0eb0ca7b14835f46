#!/bin/sh
# Where items come from, and what is made of them.
# shellcheck source=tests/tool/lib.sh
# shellcheck disable=SC2016,SC2094,SC1003 # quotes as hostile as they can be; cmp only reads
. "$(dirname "$0")/../tool/lib.sh"

# prints WANTED ARGUMENT...: what `overlap run` prints, its input from ./in where that is there.
touch in
prints() {
    wanted=$1
    shift
    "$OVERLAP" run "$@" <in >out 2>err || fail "run $*: exit code $?: $(cat err)"
    printf '%b' "$wanted" >wanted
    cmp -s wanted out || fail "run $*: printed '$(cat out)', not '$(cat wanted)'"
}

prints 'a\nb c\n' -k echo ::: a 'b c'
prints 'a-c\na-d\nb-c\nb-d\n' -k echo '{1}-{2}' ::: a b ::: c d
prints 'a-x\nb-y\n' -k echo '{1}-{2}' ::: a b c :::+ x y
prints 'a-x\nb-y\nc-x\n' -k --link echo '{1}-{2}' ::: a b c ::: x y
prints 'a.b a a.b . a\n' echo '{} {.} {/} {//} {/.}' ::: a.b
prints '/x/y.tar.gz /x/y.tar y.tar.gz /x y.tar\n' echo '{} {.} {/} {//} {/.}' ::: /x/y.tar.gz
prints '2 1\n' echo '{-1} {-2}' ::: 1 ::: 2
prints '[]\n' echo '[{3}]' ::: 1 ::: 2
prints '1:a\n2:b\n' -k echo '{#}:{}' ::: a b
prints '2 of 2\n' -k sh -c 'test {#} = 1 || echo {#} of {##}' ::: a b
prints '1\n1\n' -w1 echo '{%}' ::: a b
prints 'x {}\n' -I ,, echo ,, '{}' ::: x
prints 'x y\n' echo ::: x ::: y

printf 'a\n\nb c\nlast' >in
prints 'a\n\nb c\nlast\n' -k echo
prints 'a\nb c\nlast\n' -k -r echo
prints 'a\n\nb c\nlast\n' -k -i in echo
prints 'a\n\nb c\nlast\n' -k echo :::: in
printf 'a\nb\0c\0' >in
prints 'a\nb|\nc|\n' -k -0 echo '{}|'
printf 'a,b;c' >in
prints 'a,b\nc\n' -k -d ';' echo
printf 'a\tb\nc\td\n' >in
prints 'b a\nd c\n' -k --colsep '\t' echo '{2} {1}'
printf 'a  b\nc d\n' >in
prints 'b a\nd c\n' -k --colsep ' +' echo '{2} {1}'
prints 'b a\nd c\n' -k --colsep '[*+]* {1,2}\**' echo '{2} {1}'
printf 'x,"a ""q"", b"\n"two\nlines",z\n' >in
prints '[x] [a "q", b]\n[two\nlines] [z]\n' -k --csv echo '[{1}] [{2}]'

# Fields by the names that the first record gives them; those of a short record shift no other source's.
prints '2 by a of /x\n3 by /x/y of /x\n' -k --header : --csv echo '{the n/} by {by} of {dir//}' ::: 'the n,by' a/2,a b/3,/x/y ::: dir /x/z
prints '-7\n1-7\n' -k --header : --csv echo '{b}-{z}' ::: a,b 1 0,1 ::: z 7
prints '1 1/4\n1 2/4\n2 3/4\n2 4/4\n' -k --header : echo '{x} {#}/{##}' ::: x 1 2 ::: y 3 4
prints '1a\n2b\n3a\n' -k --header : --link echo '{x}{y}' ::: x 1 2 3 ::: y a b
printf 'a\tb\n1\t2\n' >in
prints 'echo 1+2\n' --dry-run --header : echo '{a}+{b}'
prints '2\t1+2\n' --tagstring '{b}' --header : echo '{a}+{b}'
for none in '' 'a'; do
    printf '%s' "$none" >in
    prints '' --header : echo '{a}'
done

seq 7 >in
prints '1 2 3\n4 5 6\n7\n' -k -n3 echo
prints '1 2 3 4 5 6 7\n' -m echo
prints 'a1b a2b a3b a4b a5b a6b a7b\n' -X echo 'a{}b'
prints '1 2 3\n4 5 6\n7\n' -k -m -s 6 echo
prints 'b1 a1\nb2 a1\nb1 a2\n' -k -n1 sh -c 'test {1}{2} = a2b2 || echo {2} {1}' ::: a1 a2 ::: b1 b2

# Blocks of the input: all of it, cut where records end.
seq 100000 >in
"$OVERLAP" run --pipe --block 30k -k cat <in | cmp -s - in || fail '--pipe lost input'
"$OVERLAP" run --pipe --block 30k -k -- sh -c 'tail -c 1 | od -An -c' <in | grep -qv '\\n' && fail '--pipe cut a line'
[ "$("$OVERLAP" run --pipe -N 30000 -k wc -l <in | tr '\n' ' ')" = '30000 30000 30000 10000 ' ] || fail '--pipe -N'
blocks=$("$OVERLAP" run --pipe --header : --block 30k -- echo <in | wc -l)
[ "$blocks" -gt 10 ] || fail '--pipe --block'
[ "$("$OVERLAP" run --pipe --header : --block 30k head -n 1 <in | grep -c '^1$')" = "$blocks" ] || fail '--pipe --header'
[ "$("$OVERLAP" run --pipe --header : --block 30k cat <in | wc -l)" = $((blocks + 99999)) ] || fail '--pipe --header lost lines'
awk '{ print ">" $1; print $1 "=>"; if ($1 % 3) print "" }' in >starts
"$OVERLAP" run -k --pipe --recstart '>' --recend '\n' --block 10k -i starts cat | cmp -s - starts || fail '--recstart lost something'
"$OVERLAP" run -k --pipe --recstart '>' --recend '\n' --block 10k -i starts head -c 1 >firsts
[ "$(tr -cd '>' <firsts | wc -c)" -gt 50 ] || fail '--recstart: hardly any block'
! grep -q '[^>]' firsts || fail '--recstart: a block begins within a record'
[ "$(printf 'a--b--c' | "$OVERLAP" run --pipe -N1 --recend -- -k -- sed 's/$/|/' | tr -d '\n')" = 'a--|b--|c|' ] ||
    fail '--pipe --recend'
: >in
prints '' --pipe cat

# A command a line, for a shell; and items that a shell must not read.
printf 'echo one | tr a-z A-Z\nX=two; echo $X\n' >in
prints 'ONE\ntwo\n' -k --shell
: >in
# shellcheck disable=SC2016
{
    hostile='$(touch pwned) `touch pwned`; touch pwned #'"'"'"\'
    for text in 'printf "%s\n" {}' "printf '%s\n' \"{}\"" "printf '%s\n' '{}'" \
        'printf "%s\n" "$(printf "%s" {})"' 'f() { printf "%s\n" {}; }; f x'; do
        "$OVERLAP" run --shell -- "$text" ::: "$hostile" >out 2>err </dev/null
        [ "$(cat out)" = "$hostile" ] || fail "--shell $text: printed '$(cat out)': $(cat err)"
    done
    "$OVERLAP" run --shell --dry-run -- 'printf "%s\n" {}' ::: "$hostile" >script
    [ "$(sh ./script)" = "$hostile" ] || fail "--dry-run: $(cat script)"
    prints '$(id) ;|&\n' echo ::: '$(id) ;|&'
}
[ ! -e pwned ] || fail 'an item was run by a shell'
prints "echo 'a b'\necho 'it'\\\\''s'\n" --dry-run echo ::: 'a b' "it's"

# What no argument can have fails alone, and is told of as it is.
printf 'good\nze\0ro\n\377\n' >in
"$OVERLAP" run -k --json echo <in >out 2>err
[ $? -eq 1 ] || fail 'an item with a zero byte: not exit code 1'
says err 'ze.x00ro.: the item has a zero byte'
says out '"item_base64":"/w=="'
says out '"item_base64":"emUAcm8="\|"item":"ze.u0000ro"'
says out '"done":2,"failed":1,"not_started":0'

# Longer than an argument may be.
head -c 200000 /dev/zero | tr '\0' x >in
"$OVERLAP" run --json true <in >out 2>err
[ $? -eq 1 ] || fail 'an item that is too long: not exit code 1'
says err 'argument list too long: the item has 200000 bytes'

# One that has no end: it is said once, and not that there is nothing to do.
head -c 70000000 /dev/zero | "$OVERLAP" run true >out 2>err
[ $? -eq 3 ] || fail 'an item without an end: not exit code 3'
[ "$(cat err)" = 'overlap run: standard input: an item of more than 64 MiB; is another --delimiter meant?' ] ||
    fail 'an item without an end: not said once'

expect 3 run echo :::: nowhere
says err 'nowhere: cannot open it: No such file'
expect 3 run -i . echo
says err 'it is a folder'
expect 0 run echo
says err 'nothing to do'
expect 0 run echo :::
finish
