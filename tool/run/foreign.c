#include "run/foreign.h"

#define OTHER_MACHINES  "mpirun -n 4 overlap run --model cluster runs jobs on several machines"
#define ONE_JOB_A_BLOCK "with --pipe each block is given to a job of its own"
#define STANDARD_INPUT  "with --pipe, have the command read /dev/stdin"

const struct foreign_option foreign_options[] = {
    {"shuf", 0, "put shuf before it: shuf FILE | overlap run"},
    {"trim", 0, "put sed before it, to take the blanks away"},
    {"eof", 'E', "put sed before it: sed '/^STOP$/,$d' FILE | overlap run"},
    {"rpl", 0,
     "--plus has {..}, {+.}, {:N:M}, {#TEXT} and more; or --shell, and 'f={}; echo \"${f%.*.*}\"'"},
    {"arg-sep", 0, "items follow :::, or come from -i FILE"},
    {"sshlogin", 'S', OTHER_MACHINES},
    {"sshloginfile", 0, OTHER_MACHINES},
    {"transferfile", 0, OTHER_MACHINES},
    {"trc", 0, OTHER_MACHINES},
    {"return", 0, OTHER_MACHINES},
    {"basefile", 0, OTHER_MACHINES},
    {"round-robin", 0, ONE_JOB_A_BLOCK},
    {"roundrobin", 0, ONE_JOB_A_BLOCK},
    {"cat", 0, STANDARD_INPUT},
    {"fifo", 0, STANDARD_INPUT},
    {"files", 0, "--results DIR keeps each job's output in files"},
    {"termseq", 0, "a job whose time is up has SIGTERM, and SIGKILL a second later"},
    {"memsuspend", 0, "--memory-free holds back jobs that have not begun"},
    {"limit", 0, "--load and --memory-free hold jobs back"},
    {"interactive", 'p', "--dry-run shows all commands, and runs none"},
    {"process-slot-var", 0, "the place is in $OVERLAP_SLOT, and is {%}"},
    {"semaphore", 0, "flock FILE COMMAND has one at a time begin"},
    {"sqlmaster", 0, "--journal FILE is an SQLite file"},
    {"version", 0, "overlap --version tells it"},
    {0},
};
