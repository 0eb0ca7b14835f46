#include "advise/replace.h"

#include "advise/source.h"

#include <string.h>

/* Packages by the name of their folder or file. */
static const struct replacement packages[] = {
    {"requests", "aiohttp"},
    {"urllib", "aiohttp"},
    {"urllib3", "aiohttp"},
    {"http", "aiohttp"},
    {"httplib2", "aiohttp"},
    {"httpx", "httpx.AsyncClient"},
    {"subprocess", "asyncio.create_subprocess_exec"},
    {"socket", "asyncio.open_connection"},
    {"ssl", "asyncio.open_connection"},
    {"psycopg2", "psycopg.AsyncConnection"},
    {"psycopg", "psycopg.AsyncConnection"},
    {"pymysql", "aiomysql"},
    {"MySQLdb", "aiomysql"},
    {"mysql", "asyncmy"},
    {"oracledb", "oracledb.connect_async"},
    {"sqlalchemy", "sqlalchemy.ext.asyncio"},
    {"pymongo", "pymongo.AsyncMongoClient"},
    {"redis", "redis.asyncio"},
    {"pymemcache", "aiomcache"},
    {"elasticsearch", "elasticsearch.AsyncElasticsearch"},
    {"neo4j", "neo4j.AsyncDriver"},
    {"boto3", "aioboto3"},
    {"botocore", "aiobotocore"},
    {"kubernetes", "kubernetes_asyncio"},
    {"docker", "aiodocker"},
    {"smtplib", "aiosmtplib"},
    {"imaplib", "aioimaplib"},
    {"ftplib", "aioftp"},
    {"paramiko", "asyncssh"},
    {"kafka", "aiokafka"},
    {"pika", "aio_pika"},
    {"paho", "aiomqtt"},
    {"grpc", "grpc.aio"},
    {"websocket", "websockets"},
    {"zmq", "zmq.asyncio"},
    {"dns", "dns.asyncresolver"},
    {"selenium", "playwright.async_api"},
    {"praw", "asyncpraw"},
    {"openai", "openai.AsyncOpenAI"},
    {"anthropic", "anthropic.AsyncAnthropic"},
    {"slack_sdk", "slack_sdk.web.async_client"},
    /* Threads are what these need. */
    {"sqlite3", NULL},
    {"git", NULL},
    {"github", NULL},
    {"pyodbc", NULL},
    {"pymssql", NULL},
    {"ldap", NULL},
    {"cx_Oracle", NULL},
    {"h5py", NULL},
    {"osgeo", NULL},
    {"shutil", NULL},
};

/* Libraries in C, by the shared object that waits. */
static const struct {
    const char *object;
    struct replacement replacement;
} objects[] = {
    {"libpq.so", {"psycopg2", "psycopg.AsyncConnection"}},
    {"libsqlite3.so", {"sqlite3", NULL}},
    {"libmariadb", {"MySQLdb", "aiomysql"}},
    {"libmysqlclient", {"MySQLdb", "aiomysql"}},
    {"libcurl", {"pycurl", "aiohttp"}},
    {"libodbc", {"pyodbc", NULL}},
    {"libzmq", {"zmq", "zmq.asyncio"}},
    {"libldap", {"ldap", NULL}},
    {"libclntsh", {"cx_Oracle", NULL}},
};

static const struct replacement time_sleep = {"time.sleep", "asyncio.sleep"};
static const struct replacement os_system = {"os.system", "asyncio.create_subprocess_shell"};
static const struct replacement plain_socket = {"socket", "asyncio.open_connection"};
static const struct replacement plain_file = {"open", NULL};

/* "…/dist-packages/requests/api.py" is of requests; "/usr/lib/python3.11/subprocess.py" of
 * subprocess. */
static bool is_of(const char *file, const char *package)
{
    static const char *const folders[] = {"-packages/", "/lib/python3."};
    for (size_t n = 0; n < sizeof folders / sizeof *folders; n++) {
        const char *at = strstr(file, folders[n]);
        if (!at)
            continue;
        at += strlen(folders[n]);
        if (n == 1)
            at = strchr(at, '/') ? strchr(at, '/') + 1 : at;
        size_t length = strlen(package);
        if (strncmp(at, package, length) == 0 &&
            (at[length] == '/' || strcmp(at + length, ".py") == 0))
            return true;
    }
    return false;
}

static enum record_kind main_kind(const struct spent *spent)
{
    enum record_kind most = RECORD_NETWORK;
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        if (spent->wait_ns[kind] > spent->wait_ns[most])
            most = (enum record_kind)kind;
    return most;
}

const struct replacement *replace_find(const struct tree *tree, const struct line_cost *line)
{
    for (size_t n = 0; line->through[0] && n < sizeof objects / sizeof *objects; n++)
        if (strstr(line->through, objects[n].object))
            return &objects[n].replacement;
    const char *file = line->library ? tree->places[line->library].file : "";
    for (size_t n = 0; file[0] && n < sizeof packages / sizeof *packages; n++)
        if (is_of(file, packages[n].from))
            return &packages[n];
    switch (main_kind(&line->spent)) {
    case RECORD_SLEEP:
        return &time_sleep;
    case RECORD_CHILD:
        return &os_system;
    case RECORD_NETWORK:
        return &plain_socket;
    case RECORD_DISK:
        return &plain_file;
    default:
        return NULL;
    }
}
