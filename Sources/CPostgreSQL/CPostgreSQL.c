#include "CPostgreSQL.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

// F(returned type, libpq's name, our name, parameters, arguments)
#define FUNCTIONS(F)                                                                                                          \
    F(PGconn *, PQconnectdbParams, libpq_connectdb_params,                                                                    \
      (const char *const *keywords, const char *const *values, int expand_dbname), (keywords, values, expand_dbname))          \
    F(PQconninfoOption *, PQconninfoParse, libpq_conninfo_parse, (const char *conninfo, char **errmsg), (conninfo, errmsg))    \
    F(int, PQstatus, libpq_status, (const PGconn *connection), (connection))                                                  \
    F(char *, PQpass, libpq_pass, (const PGconn *connection), (connection))                                                   \
    F(int, PQsocket, libpq_socket, (const PGconn *connection), (connection))                                                  \
    F(int, PQconsumeInput, libpq_consume_input, (PGconn *connection), (connection))                                           \
    F(char *, PQerrorMessage, libpq_error_message, (const PGconn *connection), (connection))                                  \
    F(PQnoticeProcessor, PQsetNoticeProcessor, libpq_set_notice_processor,                                                    \
      (PGconn *connection, PQnoticeProcessor processor, void *arg), (connection, processor, arg))                             \
    F(PGnotify *, PQnotifies, libpq_notifies, (PGconn *connection), (connection))                                             \
    F(int, PQsetnonblocking, libpq_set_nonblocking, (PGconn *connection, int is_nonblocking), (connection, is_nonblocking))    \
    F(int, PQsendQuery, libpq_send_query, (PGconn *connection, const char *query), (connection, query))                       \
    F(int, PQsendQueryParams, libpq_send_query_params,                                                                        \
      (PGconn *connection, const char *command, int count, const unsigned int *types, const char *const *values,              \
       const int *lengths, const int *formats, int result_format),                                                            \
      (connection, command, count, types, values, lengths, formats, result_format))                                           \
    F(int, PQflush, libpq_flush, (PGconn *connection), (connection))                                                          \
    F(int, PQisBusy, libpq_is_busy, (PGconn *connection), (connection))                                                       \
    F(PGresult *, PQgetResult, libpq_get_result, (PGconn *connection), (connection))                                          \
    F(int, PQresultStatus, libpq_result_status, (const PGresult *result), (result))                                           \
    F(char *, PQresultErrorField, libpq_result_error_field, (const PGresult *result, int code), (result, code))               \
    F(int, PQntuples, libpq_ntuples, (const PGresult *result), (result))                                                      \
    F(int, PQfnumber, libpq_fnumber, (const PGresult *result, const char *name), (result, name))                              \
    F(int, PQgetisnull, libpq_getisnull, (const PGresult *result, int row, int column), (result, row, column))                \
    F(char *, PQgetvalue, libpq_getvalue, (const PGresult *result, int row, int column), (result, row, column))               \
    F(char *, PQcmdTuples, libpq_cmd_tuples, (PGresult *result), (result))

// The same for functions that return nothing.
#define PROCEDURES(F)                                                                                                         \
    F(PQconninfoFree, libpq_conninfo_free, (PQconninfoOption *options), (options))                                            \
    F(PQfinish, libpq_finish, (PGconn *connection), (connection))                                                             \
    F(PQfreemem, libpq_freemem, (void *pointer), (pointer))                                                                   \
    F(PQclear, libpq_clear, (PGresult *result), (result))

#define FUNCTION_FIELD(type, name, ours, parameters, arguments) type(*name) parameters;
#define PROCEDURE_FIELD(name, ours, parameters, arguments) void(*name) parameters;
static struct {
    FUNCTIONS(FUNCTION_FIELD)
    PROCEDURES(PROCEDURE_FIELD)
} library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_loaded = 0;

static void load(void) {
    static const char *const names[] = {"libpq.so.5", "libpq.5.dylib", "libpq.so"};
    void *handle = NULL;
    for (size_t index = 0; handle == NULL && index < sizeof names / sizeof *names; index++) {
        handle = dlopen(names[index], RTLD_NOW | RTLD_LOCAL);
    }
    if (handle == NULL) return;
    is_loaded = 1;
// Converts a pointer to data, as dlsym returns it by POSIX, to a pointer to a function.
#define FIND(name) \
    if ((*(void **)(&library.name) = dlsym(handle, #name)) == NULL) is_loaded = 0;
#define FIND_FUNCTION(type, name, ours, parameters, arguments) FIND(name)
#define FIND_PROCEDURE(name, ours, parameters, arguments) FIND(name)
    FUNCTIONS(FIND_FUNCTION)
    PROCEDURES(FIND_PROCEDURE)
}

int libpq_load(void) {
    pthread_once(&once, load);
    return is_loaded;
}

#define DEFINE_FUNCTION(type, name, ours, parameters, arguments) \
    type ours parameters { return library.name arguments; }
#define DEFINE_PROCEDURE(name, ours, parameters, arguments) \
    void ours parameters { library.name arguments; }
FUNCTIONS(DEFINE_FUNCTION)
PROCEDURES(DEFINE_PROCEDURE)
