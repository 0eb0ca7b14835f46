# Shared by ./run, ./check and the scripts beside this file: messages, packages, builds. To be sourced by
# a POSIX shell that has set `root`, the checkout, and `me`, the name to speak under.
# shellcheck shell=sh
# shellcheck disable=SC2034 # the lists of packages are for those who source this
: "${root:?}" "${me:?}"

# What is installed needs to be built; what the quick tests need beside it; and the long ones.
# `a|b`: either will do, and `a` is installed where there is neither.
build_packages='
    cmake
    gcc
    libc6-dev
    libcurl4-openssl-dev|libcurl4-gnutls-dev|libcurl4-nss-dev
    libdw-dev
    libjansson-dev
    libsqlite3-dev
    libssl-dev
    ninja-build
    pkg-config|pkgconf
    scdoc'
check_packages='
    chromium
    clang-format
    cppcheck
    curl
    dpkg-dev
    file
    fish
    g++
    groff-base
    jq
    libcmocka-dev
    libjemalloc2
    libopenmpi-dev
    libpng-dev
    libpq-dev
    nginx-light|nginx
    openmpi-bin
    openssl
    parallel
    postgresql
    procps
    python3
    shellcheck
    zsh'
all_packages='
    clang
    clang-tidy
    gcovr
    git
    libclang-rt-14-dev
    libglib2.0-dev
    libhiredis-dev
    libzmq3-dev
    redis-server
    valgrind'

# Everything that people read goes to standard error: the output belongs to the command.
say()
{
    printf '%s: %s\n' "$me" "$*" >&2
}

# The machine refuses something that is needed.
refuse()
{
    say "$@"
    exit 3
}

# Prints those of the packages named that are not installed. On a system other than Debian it prints none: what is
# missing there is found by the configuration, which names it.
missing_packages()
{
    command -v dpkg-query >/dev/null 2>&1 || return 0
    # shellcheck disable=SC2046 # one word a package
    dpkg-query -W -f='${db:Status-Status} ${Package}\n' $(echo "$*" | tr '|' ' ') 2>/dev/null |
        awk -v wanted="$*" '
            $1 == "installed" { have[$2] = 1 }
            END {
                count = split(wanted, group, /[ \n]+/)
                for (i = 1; i <= count; i++) {
                    choices = split(group[i], name, "|")
                    found = 0
                    for (j = 1; j <= choices; j++)
                        found += have[name[j]]
                    if (choices && !found)
                        print name[1]
                }
            }' | tr '\n' ' ' | sed 's/ $//'
}

package_lists_are_there()
{
    for list in /var/lib/apt/lists/*_Packages*; do
        [ -e "$list" ] && return 0
    done
    return 1
}

# apt COMMAND...: apt-get that asks nothing, waits for another apt-get, and is silent unless it fails.
# shellcheck disable=SC2086 # $sudo is empty or two words
apt()
{
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$apt_log" 2>&1
}

install_packages()
{
    if [ "$(id -u)" -eq 0 ]; then
        sudo=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo='sudo -n'
    else
        say "these Debian packages are missing: $*"
        tell_how_to_install "$@"
        exit 3
    fi
    apt_log=$(mktemp) || refuse "no temporary file can be made in ${TMPDIR:-/tmp}: make room there"
    say "installing $*"
    # Package lists that are too old name files that are gone: then they are read anew.
    if { package_lists_are_there && apt install --no-install-recommends "$@"; } ||
        { apt update && apt install --no-install-recommends "$@"; }; then
        rm -f "$apt_log"
        return 0
    fi
    tail -n 20 "$apt_log" >&2
    rm -f "$apt_log"
    say 'apt-get could not install them (its last words are above)'
    tell_how_to_install "$@"
    exit 3
}

tell_how_to_install()
{
    line="apt-get update && apt-get install -y --no-install-recommends $*"
    if command -v sudo >/dev/null 2>&1; then
        line="sudo sh -c '$line'"
    elif [ "$(id -u)" -ne 0 ]; then
        line="su -c '$line'"
    fi
    say 'to install them:'
    printf '    %s\n' "$line" >&2
}

# need_packages PACKAGE...: returns when all are installed; otherwise exits with 3.
need_packages()
{
    missing=$(missing_packages "$@")
    # shellcheck disable=SC2086 # one word a package
    [ -z "$missing" ] || install_packages $missing
}

# A build folder that was made elsewhere (the checkout was moved or copied) is of no use to CMake.
forget_moved_build()
{
    cache=$1/CMakeCache.txt
    [ -e "$cache" ] || return 0
    if ! grep -Fqx "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache" ||
        ! grep -Fqx "CMAKE_CACHEFILE_DIR:INTERNAL=$1" "$cache"; then
        rm -rf "$1"
    fi
}

# Ninja itself sees changes of the CMake files, but not of the presets.
is_configured()
{
    [ -e "$1/build.ninja" ] && [ -z "$(find "$root/CMakePresets.json" -newer "$1/build.ninja")" ]
}

build_locked()
{
    preset=$1 target=$2 log=$3
    shift 3
    folder=$root/build/$preset
    forget_moved_build "$folder"
    if is_configured "$folder"; then
        case $(ninja -C "$folder" -n "$target" 2>&1) in
        *'no work to do'*) return 0 ;;
        esac
    fi
    [ -z "${announce-}" ] || say "$announce"
    if ! is_configured "$folder"; then
        (cd "$root" && cmake --preset "$preset" "$@") >"$log" 2>&1 || return 1
        # Ninja's file stays as it is where nothing in it changed, and would look older than the presets.
        touch "$folder/build.ninja"
    fi
    ninja -C "$folder" -j "$(nproc)" "$target" >>"$log" 2>&1
}

# build PRESET TARGET LOG [CMAKE-OPTION...]: makes the target up to date; says `announce`, if it is set, where
# there is something to do. One build at a time: a second one waits for the first.
build()
{
    if ! mkdir -p "$root/build" 2>/dev/null || [ ! -w "$root/build" ]; then
        refuse "cannot write to $root/build: make it writable, or use a copy of the checkout"
    fi
    (
        flock -w 1 9 || {
            say "another build is under way here: waiting for it"
            flock 9
        }
        # The lock must not outlive this shell in a server that the build left behind.
        { build_locked "$@"; } 9>&-
    ) 9>"$root/build/$1.lock" </dev/null
}
