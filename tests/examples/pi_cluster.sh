#!/bin/sh
# The ranks of an MPI job come to the same number as the processes of one machine, and one of them says so.
# Usage: pi_cluster.sh PI MPIRUN
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
"$1" >"$work/alone" 2>/dev/null
timeout 300 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 HWLOC_COMPONENTS=-gl \
    "$2" --oversubscribe --mca btl self,vader --mca plm isolated -n 3 "$1" >"$work/job" 2>"$work/err" || {
    echo "pi_cluster.sh: exit $? of mpirun" >&2
    cat "$work/err" >&2
    exit 1
}
read -r number rest <"$work/alone"
[ "$(cat "$work/job")" = "$number by 2 workers of cluster" ] || {
    echo "pi_cluster.sh: alone: $number $rest; as a job: $(cat "$work/job")" >&2
    exit 1
}
