#include "libpq.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>

namespace librebird::storage {
namespace {

constexpr const char* kFile = "libpq.so.5";

const Result<void*>& library() {
  static const Result<void*> loaded = load_library(kFile);
  return loaded;
}

// Only reached with the library loaded; a version of it without the function is older than the one we compile against.
template <typename Function>
Function resolve(const char* name) {
  void* const found = library().ok() ? dlsym(library().value(), name) : nullptr;
  if (found == nullptr) {
    fmt::print(stderr, "{} has no {}: install PostgreSQL's client library 15 or newer.\n", kFile, name);
    std::abort();
  }
  return reinterpret_cast<Function>(found);
}

}  // namespace

Result<void*> load_library(const char* file) {
  void* const handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return handle;
  const char* const said = dlerror();
  return make_error(Code::unavailable,
                    fmt::format("PostgreSQL's client library cannot be loaded ({}): install the package libpq5, or "
                                "leave out DATABASE_URL (storage.url) to use SQLite.",
                                said != nullptr ? said : file));
}

Result<Ok> load_libpq() {
  LB_CHECK(library());
  return Ok{};
}

}  // namespace librebird::storage

// The header declares each of them, so a signature that differs does not compile; one that is missing here does not
// link.
#define LIBPQ(type, name, parameters, arguments)                                      \
  type name parameters {                                                              \
    static const auto function = librebird::storage::resolve<decltype(&name)>(#name); \
    return function arguments;                                                        \
  }

extern "C" {
LIBPQ(PQconninfoOption*, PQconninfoParse, (const char* text, char** words), (text, words))
LIBPQ(void, PQconninfoFree, (PQconninfoOption * options), (options))
LIBPQ(void, PQfreemem, (void* memory), (memory))
LIBPQ(PGconn*, PQconnectdbParams, (const char* const* keys, const char* const* values, int expand),
      (keys, values, expand))
LIBPQ(void, PQfinish, (PGconn * connection), (connection))
LIBPQ(ConnStatusType, PQstatus, (const PGconn* connection), (connection))
LIBPQ(int, PQserverVersion, (const PGconn* connection), (connection))
LIBPQ(char*, PQerrorMessage, (const PGconn* connection), (connection))
LIBPQ(int, PQsocket, (const PGconn* connection), (connection))
LIBPQ(PQnoticeProcessor, PQsetNoticeProcessor, (PGconn * connection, PQnoticeProcessor processor, void* argument),
      (connection, processor, argument))
LIBPQ(int, PQsetnonblocking, (PGconn * connection, int on), (connection, on))
LIBPQ(int, PQenterPipelineMode, (PGconn * connection), (connection))
LIBPQ(int, PQexitPipelineMode, (PGconn * connection), (connection))
LIBPQ(PGpipelineStatus, PQpipelineStatus, (const PGconn* connection), (connection))
LIBPQ(int, PQpipelineSync, (PGconn * connection), (connection))
LIBPQ(int, PQsendPrepare, (PGconn * connection, const char* name, const char* sql, int count, const Oid* types),
      (connection, name, sql, count, types))
LIBPQ(int, PQsendQueryPrepared,
      (PGconn * connection, const char* name, int count, const char* const* values, const int* lengths,
       const int* formats, int format),
      (connection, name, count, values, lengths, formats, format))
LIBPQ(int, PQconsumeInput, (PGconn * connection), (connection))
LIBPQ(int, PQisBusy, (PGconn * connection), (connection))
LIBPQ(int, PQflush, (PGconn * connection), (connection))
LIBPQ(PGresult*, PQgetResult, (PGconn * connection), (connection))
LIBPQ(PGresult*, PQexec, (PGconn * connection, const char* sql), (connection, sql))
LIBPQ(ExecStatusType, PQresultStatus, (const PGresult* result), (result))
LIBPQ(char*, PQresultErrorMessage, (const PGresult* result), (result))
LIBPQ(char*, PQresultErrorField, (const PGresult* result, int field), (result, field))
LIBPQ(int, PQntuples, (const PGresult* result), (result))
LIBPQ(char*, PQgetvalue, (const PGresult* result, int row, int column), (result, row, column))
LIBPQ(int, PQgetlength, (const PGresult* result, int row, int column), (result, row, column))
LIBPQ(int, PQgetisnull, (const PGresult* result, int row, int column), (result, row, column))
LIBPQ(char*, PQcmdStatus, (PGresult * result), (result))
LIBPQ(char*, PQcmdTuples, (PGresult * result), (result))
LIBPQ(void, PQclear, (PGresult * result), (result))
}

#undef LIBPQ
