#!/bin/sh
# complete.sh SHELL FOLDER: asks a shell what it would complete, with the files of FOLDER and the command that is
# tested.
set -u
shell=$1 completions=$2
command -v "$shell" >/dev/null || { echo "$shell is not installed"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
mkdir "$folder/bin"
ln -s "$OVERLAP" "$folder/bin/overlap"
PATH=$folder/bin:$PATH
HOME=$folder
export PATH HOME
cd "$folder" || exit 1
: >items.txt
failures=0

in_bash() {
    bash --norc -c '
        source "$1/overlap.bash"
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        COMPREPLY=()
        _overlap
        printf "%s\n" "${COMPREPLY[@]}"' bash "$completions" "$@"
}

# What zsh would add is taken down in place of being shown.
in_zsh() {
    zsh -f -c '
        folder=$1
        shift
        compadd() { local word; for word; do [[ $word == -* && $word != --* ]] || print -r -- $word; done }
        _describe() { local name=${@[-1]} word; for word in ${(P)name}; do print -r -- ${word%%:*}; done }
        _files() { print -rl -- *(N) }
        _normal() { print -r -- NORMAL $words }
        words=("$@")
        CURRENT=$#
        PREFIX=$words[CURRENT]
        source $folder/_overlap' zsh "$completions" "$@"
}

in_fish() {
    line=$1
    shift
    for word in "$@"; do
        line="$line $word"
    done
    fish --no-config -c "source '$completions/overlap.fish'; complete -C '$line'" | cut -f 1
}

# offers WORD WORDS...: whether the word is among what the shell offers behind WORDS.
offers() {
    wanted=$1
    shift
    "in_$shell" "$@" >offered
    grep -Fqx -e "$wanted" offered || {
        echo "FAILED: $* offers no '$wanted': $(tr '\n' ' ' <offered)"
        failures=$((failures + 1))
    }
}

# withholds WORD WORDS...: whether it is not.
withholds() {
    unwanted=$1
    shift
    "in_$shell" "$@" >offered
    ! grep -Fqx -e "$unwanted" offered || {
        echo "FAILED: $* offers '$unwanted'"
        failures=$((failures + 1))
    }
}

offers compare overlap ''
offers origin overlap or
offers --latency overlap compare --
offers --json overlap compare --js
offers --port overlap origin --
offers async overlap compare --models ''
offers cluster overlap compare --models ''
offers cluster overlap run --model ''
withholds processes overlap run --model ''
offers processes overlap fetch --model ''
withholds cluster overlap fetch --model ''
offers never overlap compare --progress n
offers io overlap compare ''

# Every option that a verb lists is offered, by its long name, and nothing else is.
for verb in advise compare fetch run origin; do
    "$OVERLAP" "$verb" --help | grep -oE '^ {2,6}(-[A-Za-z0-9], )?--[^ ]+' | grep -oE '\-\-[^ ]+$' | sort >listed
    [ -s listed ] || { echo "FAILED: $verb lists no options"; failures=$((failures + 1)); }
    "in_$shell" overlap "$verb" -- | sort -u >offered
    diff listed offered >difference || {
        echo "FAILED: overlap $verb: listed (<) and offered (>):"
        cat difference
        failures=$((failures + 1))
    }
done
[ "$failures" -eq 0 ]
