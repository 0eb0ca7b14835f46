# The steps of ./check: each is one line of output and a log of its own under build/check/. To be sourced
# after lib.sh.
# shellcheck shell=sh
: "${root:?}"

# Tests that are no part of the quick ones, as a pattern of ctest's labels.
# shellcheck disable=SC2034 # for those who source this
not_quick='^(long|bench)$'

passed=0
failed=0
skipped=0
built= # the presets whose builds succeeded: only these are tested, not what an earlier build left behind
logs=$root/build/check

# A program that waits for input, or for a test that hangs, must not hold everything up.
test_limit_seconds=600

start_steps()
{
    mkdir -p "$logs" 2>/dev/null || refuse "cannot write to $logs: make it writable, or use a copy of the checkout"
    rm -f "$logs"/*.log "$logs"/*.log.all
    began=$(date +%s)
    export LC_ALL=C.UTF-8
    trap 'printf "\ninterrupted\n"; exit 130' INT
    trap 'exit 143' TERM
}

# Exits: 0 only where something was tested and nothing failed.
end_steps()
{
    printf '%d s in all; logs are in build/check\n' $(($(date +%s) - began))
    line="$passed passed, $failed failed"
    [ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
    printf '%s\n' "$line"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

step_begins()
{
    step_name=$1
    step_began=$(date +%s)
    log=$logs/$(printf '%s' "$1" | tr -cs 'a-z0-9' '-' | sed 's/-$//').log
    printf '%-24s' "$step_name"
}

# step_ends WORDS: the rest of the line.
step_ends()
{
    seconds=$(($(date +%s) - step_began))
    if [ "$seconds" -ge 2 ]; then
        printf '%s (%d s)\n' "$1" "$seconds"
    else
        printf '%s\n' "$1"
    fi
}

show_log()
{
    tail -n "${1:-40}" "$log" | sed 's/^/    /'
    printf '    (all of it: %s)\n' "${log#"$root/"}"
}

# step NAME COMMAND...: one test. A command that exits with 77 is skipped, with its last line as the reason.
step()
{
    step_begins "$1"
    shift
    ("$@") >"$log" 2>&1 </dev/null
    case $? in
    0)
        passed=$((passed + 1))
        step_ends ok
        ;;
    77)
        skipped=$((skipped + 1))
        step_ends "skipped: $(tail -n 1 "$log")"
        ;;
    *)
        failed=$((failed + 1))
        step_ends FAILED
        show_log
        ;;
    esac
}

# step_build PRESET: no test, but what cannot be built counts as one that failed.
step_build()
{
    step_begins "build ($1)"
    if announce='' build "$1" all "$log"; then
        built="$built $1 "
        step_ends ok
        return 0
    fi
    failed=$((failed + 1))
    step_ends FAILED
    show_log
    return 1
}

# count_lines PATTERN: of ctest's lines on how one test ended, those that match.
count_lines()
{
    sed -nE 's/^ *[0-9]+\/[0-9]+ (Test|MemCheck) +#[0-9]+: //p' "$log" | grep -cE "$1"
}

# add_tests STATUS: adds up what ctest, which exited with the status, wrote into the log.
add_tests()
{
    good=$(count_lines ' Passed +[0-9.]+ sec')
    idle=$(count_lines '\*\*\*(Skipped|Not Run \(Disabled\)) ')
    bad=$(($(count_lines '\*\*\*') - idle))
    # ctest fails without a failed test where it found none, or could not begin.
    [ "$1" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + idle))
    words="$good passed"
    [ "$idle" -eq 0 ] || words="$words, $idle skipped"
    [ "$bad" -eq 0 ] || words="$words, $bad FAILED"
    step_ends "$words"
    [ "$bad" -eq 0 ] || show_log 80
}

# run_ctest PRESET ARG...: into $log. Two at a time, since tests that measure time need a core each.
run_ctest()
{
    preset=$1
    shift
    launcher=
    # ThreadSanitizer of GCC 12 does not find its way in the larger address spaces of later kernels.
    if [ "$preset" = tsan ] && setarch -R true 2>/dev/null; then
        launcher='setarch -R'
    fi
    # An allocation that is too large fails, as it does without them, and is no error of its own.
    # shellcheck disable=SC2086 # $launcher is empty or two words
    ASAN_OPTIONS="allocator_may_return_null=1:${ASAN_OPTIONS-}" \
        TSAN_OPTIONS="allocator_may_return_null=1:suppressions=$root/tests/tsan.supp:${TSAN_OPTIONS-}" \
        $launcher ctest --test-dir "$root/build/$preset" -j 2 --timeout "$test_limit_seconds" \
        --output-on-failure --no-tests=error "$@" >"$log" 2>&1 </dev/null
}

# step_tests NAME PRESET ARG...: the tests that ctest's arguments choose, each of which counts.
step_tests()
{
    step_begins "$1"
    shift
    case $built in
    *" $1 "*) ;;
    *)
        step_ends 'not run: the build failed'
        return
        ;;
    esac
    run_ctest "$@"
    add_tests $?
}

# step_valgrind NAME PRESET: the unit and contract tests, with what Valgrind finds as failures; not those that are scripts.
step_valgrind()
{
    options='--error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite'
    options="$options --trace-children=no --num-callers=30 --max-threads=5000 --suppressions=$root/tests/valgrind.supp"
    step_tests "$1" "$2" --timeout 900 -E '^(architecture|exports|own_calls)$' -T memcheck \
        --overwrite "MemoryCheckCommand=$(command -v valgrind)" --overwrite "MemoryCheckCommandOptions=$options" -L '^(unit|contract)$'
}

# find_sources PATTERN: the project's files of that name, relative to its root, each ended by a NUL.
find_sources()
{
    find . \( -path ./build -o -name .git \) -prune -o -type f -name "$1" -print0
}

# meant_for VERSION COMMAND: a check whose verdict differs from version to version is one of that of Debian 12 alone.
meant_for()
{
    "$2" --version | grep -qwF "$1" && return
    echo "$("$2" --version | sed 1q): the sources are held against version $1"
    exit 77
}

format_is_kept()
{
    meant_for 14 clang-format
    cd "$root" || return
    find_sources '*.[ch]' | xargs -0 clang-format --dry-run -Werror >"$log.all" 2>&1 && return
    sed -n 's/^\(.*\):[0-9]*:[0-9]*: error: code should be clang-formatted.*/clang-format -i \1/p' "$log.all" | sort -u
    # Where it failed for another reason than the format.
    grep -q 'should be clang-formatted' "$log.all" || cat "$log.all"
    return 1
}

# Every file of the project that begins as a shell script does, wherever it is, and what these source.
shell_is_clean()
{
    cd "$root" &&
        grep -rlIZE --exclude-dir=build --exclude-dir=.git '^#! ?/(usr/)?bin/(env )?(ba|da)?sh' . |
        xargs -0 shellcheck -x
}

# What is shipped; in tests it takes cmocka's assertions for conditions that may fail and go on.
run_cppcheck()
{
    meant_for 2.10 cppcheck
    cppcheck --project="$root/build/dev/compile_commands.json" \
        --file-filter="$root/lib/*" --file-filter="$root/tool/*" --file-filter="$root/examples/*" \
        --enable=warning,performance,portability --inline-suppr --suppressions-list="$root/scripts/cppcheck.txt" \
        --error-exitcode=1 --quiet -j "$(nproc)"
}

run_clang_tidy()
{
    cd "$root" && find lib tool examples -name '*.c' -print0 |
        xargs -0 -n 4 -P "$(nproc)" clang-tidy -p "$root/build/dev" --quiet --warnings-as-errors='*'
}

# What the build for aarch64 needs, beside the rest: Debian's packages of that architecture live beside our own.
aarch64_packages='gcc-aarch64-linux-gnu qemu-user libcmocka-dev:arm64 libcurl4-openssl-dev:arm64 libjansson-dev:arm64
    libsqlite3-dev:arm64 libssl-dev:arm64 libdw1:arm64'

add_aarch64()
{
    # shellcheck disable=SC2086 # one word a package
    dpkg-query -W $aarch64_packages >/dev/null 2>&1 && return 0
    [ "$(uname -m)" = x86_64 ] || { echo "this is $(uname -m)"; return 77; }
    [ "$(id -u)" -eq 0 ] || { echo 'only root can add the architecture arm64 to dpkg'; return 77; }
    # shellcheck disable=SC2086 # one word a package
    dpkg --add-architecture arm64 && apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends \
            $aarch64_packages
}

# The library and its tests for aarch64, run by qemu. What its user mode lacks the tests find out, and say.
run_aarch64()
{
    add_aarch64 || return
    build aarch64 all "$log" || return 1
    ctest --test-dir "$root/build/aarch64" -j 2 --timeout 300 --output-on-failure --no-tests=error \
        -R '^(unit|contract)'
}

# What the quick tests reach, by lines and by branches: a figure to look at, and the list of what they do not.
run_coverage()
{
    build coverage all "$log" || return 1
    find "$root/build/coverage" -name '*.gcda' -delete
    ctest --test-dir "$root/build/coverage" -j 2 --timeout "$test_limit_seconds" -LE "$not_quick" >"$log.all" 2>&1
    gcovr --root "$root" --filter "$root/lib/" --filter "$root/tool/" --exclude-unreachable-branches --print-summary \
        --sort-uncovered --output "$logs/coverage.txt" "$root/build/coverage" &&
        sed -nE 's/^(lines|branches): /\1: /p' "$log" | tail -n 2 >"$log.figures"
}
