#!/bin/sh
# Proves that a program works as the ranks of an MPI job, that what is missing is named, and what a rank's
# death does. Usage: cluster.sh PROGRAM LIBRARY-FOLDER OVERLAP [LAUNCH]
set -eu
program=$1
library=$2
overlap=$3
launch=${4-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail()
{
    echo "cluster.sh: $*" >&2
    sed 's/^/    /' "$work"/*.out >&2
    exit 1
}

# As root, on as many processors as there are, without a network.
run()
{
    timeout 300 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 HWLOC_COMPONENTS=-gl \
        mpirun --oversubscribe --mca btl self,vader --mca plm isolated "$@"
}

run -n 3 "$program" >"$work/all.out" 2>&1 || fail "exit $? of all of it"
[ "$(grep -c 'all of it holds' "$work/all.out")" -eq 1 ] || fail 'rank 0 did not say that all holds, once'

# Started by a scheduler, without mpirun.
if [ -n "$launch" ]; then
    TMPDIR=$work HWLOC_COMPONENTS=-gl OMPI_MCA_btl=self,vader timeout 300 "$launch" 3 "$program" >"$work/scheduled.out" 2>&1 ||
        fail "exit $? of all of it, started by a scheduler"
    [ "$(grep -c 'all of it holds' "$work/scheduled.out")" -eq 1 ] || fail 'started by a scheduler, not all holds'
fi
# One that Open MPI does not know.
if PMI_RANK=0 PMI_SIZE=3 "$program" >"$work/stranger.out" 2>&1; then fail 'a rank by itself opened a cluster'; fi
grep -q 'srun --mpi=pmix' "$work/stranger.out" || fail 'a launcher that Open MPI does not know is not told of'

# A rank that is killed: the job ends, not with 0, and what was written is there and whole.
if run -n 3 "$program" crash "$work/done" >"$work/crash.out" 2>&1; then
    fail 'a killed rank left the exit code 0'
fi
[ "$(wc -l <"$work/done")" -eq 50 ] || fail 'not all that was done is written'
[ "$(tail -n 1 "$work/done")" = 49 ] || fail 'the last line is not the last task that was done'

# The command: rank 0 alone speaks, and the other ranks run the tasks, with their sessions.
run -n 3 "$overlap" compare --models sync,cluster --downloads 12 --latency 1ms --sums 6 --number 1000 --json \
    >"$work/compare.out" 2>"$work/compare.err.out" || fail "exit $? of a comparison"
[ "$(grep -c '"verdict"' "$work/compare.out")" -eq 2 ] || fail 'not one comparison of two programs'
for done in 12 6; do
    tr -d ' \n' <"$work/compare.out" | grep -Eq "\"model\":\"cluster\",\"workers\":2,[^}]*\"done\":$done,\"failed\":0" ||
        fail "the cluster has not done $done tasks"
done
if "$overlap" compare cpu --models cluster >"$work/refused.out" 2>&1; then fail 'a comparison without ranks'; fi
grep -q 'mpirun -n 3' "$work/refused.out" || fail 'a comparison without mpirun does not say how to start'

# What is missing is named, with what to do.
if "$program" >"$work/alone.out" 2>&1; then fail 'a cluster without mpirun was opened'; fi
grep -q 'mpirun -n 3' "$work/alone.out" || fail 'without mpirun, it is not said how to start'
if run -n 1 "$program" >"$work/one.out" 2>&1; then fail 'a cluster of one rank was opened'; fi
grep -q 'mpirun -n 3' "$work/one.out" || fail 'with one rank, it is not said that it takes more'
mkdir "$work/lib"
cp "$library"/liboverlap.so* "$work/lib/"
if OMPI_COMM_WORLD_SIZE=3 LD_LIBRARY_PATH=$work/lib "$program" >"$work/plugin.out" 2>&1; then
    fail 'a cluster without its plug-in was opened'
fi
grep -q 'openmpi-bin' "$work/plugin.out" || fail 'without the plug-in, the package is not named'
