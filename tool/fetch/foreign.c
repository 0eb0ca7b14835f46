#include "fetch/foreign.h"

#define FOLDER      "-d DIR (--output-dir) is the folder"
#define NAME        "-o FILE (--output) is a URL's file"
#define ANYWAY      "what was begun is resumed anyway"
#define TRIES       "--retry N is how often a URL is tried again"
#define AT_ONCE     "-w N (--workers) go on at once; without it the number is found by measuring"
#define ONE_STREAM  "a file comes over one connection; many files come at once"
#define CHANGED     "--journal FILE keeps what servers tell, and --refresh then fetches what changed"
#define UNVERIFIED  "-k (--insecure) does not verify who the server is"
#define LINKS       "what a list names is fetched, not what pages link to"
#define NO_HEADERS  "--json has the status; headers are not printed"
#define SENT_AS_IS  "--data DATA is sent as it is"
#define NOTHING_PUT "nothing is sent but --data"

const struct foreign_option fetch_foreign_options[] = {
    {"directory-prefix", 'P', FOLDER},
    {"dir", 0, FOLDER},
    {"output-document", 0, NAME},
    {"out", 0, NAME},
    {"remote-name-all", 0, "names come from URLs anyway"},
    {"content-disposition", 0, "-J (--remote-header-name) takes the name that the server proposes"},
    {"no-clobber", 0, "--skip-existing leaves a file that exists"},
    {"allow-overwrite", 0, "--overwrite replaces a file that exists"},
    {"auto-file-renaming", 0, "--rename puts a number into the new file's name"},
    {"continue", 0, ANYWAY},
    {"save-session", 0, "--journal FILE remembers what is done; a second call does the rest"},
    {"timestamping", 'N', CHANGED},
    {"time-cond", 'z', CHANGED},
    {"etag-save", 0, CHANGED},
    {"etag-compare", 0, CHANGED},
    {"tries", 't', TRIES},
    {"max-tries", 0, TRIES},
    {"timeout", 'T',
     "--max-time S is of all, --connect-timeout S of the connection, --speed-time S of a stall"},
    {"max-concurrent-downloads", 'j', AT_ONCE},
    {"max-threads", 0, AT_ONCE},
    {"max-connection-per-server", 0, "--parallel-max-host N go on at one host"},
    {"split", 0, ONE_STREAM},
    {"min-split-size", 0, ONE_STREAM},
    {"range", 'r', "a file is fetched whole; " ANYWAY},
    {"max-download-limit", 0, "--limit-rate N is of one transfer"},
    {"max-overall-download-limit", 0, "--limit-rate-total N is of all together"},
    {"no-check-certificate", 0, UNVERIFIED},
    {"check-certificate", 0, UNVERIFIED},
    {"ca-certificate", 0, "--cacert FILE has the authorities to trust"},
    {"load-cookies", 0, "-b FILE (--cookie) reads cookies"},
    {"save-cookies", 0, "-c FILE (--cookie-jar) writes cookies"},
    {"post-data", 0, SENT_AS_IS},
    {"data-raw", 0, SENT_AS_IS},
    {"data-binary", 0, SENT_AS_IS},
    {"form", 'F', NOTHING_PUT},
    {"upload-file", 0, NOTHING_PUT},
    {"recursive", 0, LINKS},
    {"mirror", 0, LINKS},
    {"page-requisites", 'p', LINKS},
    {"spider", 0, "--discard keeps nothing, and tells whether all can be fetched"},
    {"config", 'K', "-i FILE has a URL a line, and its options indented below"},
    {"head", 'I', "-X HEAD asks for headers alone, and --json has the status"},
    {"quiet", 'q', "-s (--silent) says nothing but what ended everything"},
    {"verbose", 'v', "--json tells what became of each URL"},
    {"include", 0, NO_HEADERS},
    {"dump-header", 'D', NO_HEADERS},
    {"write-out", 0, "--json-lines prints a JSON object for each URL as it ends"},
    {"progress-bar", '#', "--progress always tells how far it is"},
    {"fail-with-body", 0, "a status of 400 and above is a failure; its body is not kept"},
    {"version", 'V', "overlap --version tells it"},
    {0},
};
