// PostgreSQL's client library, loaded when it is first needed.
//
// If it were linked, every start of the program would load twenty other libraries (5 of the 35 ms that a query on the command line
// takes), and it would have to be installed on machines without PostgreSQL. The declarations here are its documented and stable
// interface, that of libpq.so.5: https://www.postgresql.org/docs/current/libpq.html. Functions have its names with another prefix,
// since its own calls must not be directed here.
#pragma once

typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;

typedef struct pgNotify {
    char *relname;
    int be_pid;
    char *extra;
    struct pgNotify *next;
} PGnotify;

typedef struct _PQconninfoOption {
    char *keyword;
    char *envvar;
    char *compiled;
    char *val;
    char *label;
    char *dispchar;
    int dispsize;
} PQconninfoOption;

typedef void (*PQnoticeProcessor)(void *arg, const char *message);

enum { libpq_connection_ok = 0, libpq_command_ok = 1, libpq_tuples_ok = 2 };

/// Loads the library, once; returns whether it was found. Call nothing else before.
int libpq_load(void);

PGconn *libpq_connectdb_params(const char *const *keywords, const char *const *values, int expand_dbname);
PQconninfoOption *libpq_conninfo_parse(const char *conninfo, char **errmsg);
void libpq_conninfo_free(PQconninfoOption *options);
void libpq_finish(PGconn *connection);
int libpq_status(const PGconn *connection);
char *libpq_pass(const PGconn *connection);
int libpq_socket(const PGconn *connection);
int libpq_consume_input(PGconn *connection);
char *libpq_error_message(const PGconn *connection);
PQnoticeProcessor libpq_set_notice_processor(PGconn *connection, PQnoticeProcessor processor, void *arg);
PGnotify *libpq_notifies(PGconn *connection);
void libpq_freemem(void *pointer);
int libpq_set_nonblocking(PGconn *connection, int is_nonblocking);
int libpq_send_query(PGconn *connection, const char *query);
int libpq_send_query_params(
    PGconn *connection, const char *command, int count, const unsigned int *types, const char *const *values,
    const int *lengths, const int *formats, int result_format);
int libpq_flush(PGconn *connection);
int libpq_is_busy(PGconn *connection);
PGresult *libpq_get_result(PGconn *connection);
int libpq_result_status(const PGresult *result);
char *libpq_result_error_field(const PGresult *result, int code);
int libpq_ntuples(const PGresult *result);
int libpq_fnumber(const PGresult *result, const char *name);
int libpq_getisnull(const PGresult *result, int row, int column);
char *libpq_getvalue(const PGresult *result, int row, int column);
char *libpq_cmd_tuples(PGresult *result);
void libpq_clear(PGresult *result);
