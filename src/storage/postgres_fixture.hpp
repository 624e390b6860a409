#pragma once

// For tests only: PostgreSQL stores in a database of their own.

#include <librebird/storage/testkit/postgres_server.hpp>

#include "storage_set.hpp"

namespace librebird::testkit {

// With the schema, and nothing in it.
inline std::string fresh_postgres() {
  return PostgresServer::of_this_program().fresh_database([](const std::string& url) {
    Loop loop;
    const ManualClock clock;
    SystemRandom random;
    IdGenerator ids(clock, random);
    auto storage = Storage::open(loop, clock, ids, {.url = url});
    if (!storage) throw std::runtime_error(storage.error().message);
  });
}

class PostgresSet final : public StorageSet {
 public:
  PostgresSet(Loop& loop, const Clock& clock, IdGenerator& ids) : StorageSet(clock, ids), url_(fresh_postgres()) {
    open(loop, {.url = url_});
  }
  std::string tamper(const std::string& sql) override {
    return RawPostgres(PostgresServer::of_this_program().as_superuser(url_)).run(sql);
  }

 private:
  std::string url_;
};

inline std::unique_ptr<StoreSet> make_postgres_set(Loop& loop, const Clock& clock, IdGenerator& ids) {
  return std::make_unique<PostgresSet>(loop, clock, ids);
}

// An empty database in which the extension was not made.
inline std::string without_pgvector(PostgresServer& server) {
  const std::string url = server.empty_database();
  RawPostgres(server.as_superuser(url)).run("DROP EXTENSION IF EXISTS vector");
  return url;
}

class PlainPostgresSet final : public StorageSet {
 public:
  PlainPostgresSet(Loop& loop, const Clock& clock, IdGenerator& ids)
      : StorageSet(clock, ids), url_(without_pgvector(PostgresServer::of_this_program())) {
    open(loop, {.url = url_});
  }
  std::string tamper(const std::string& sql) override {
    return RawPostgres(PostgresServer::of_this_program().as_superuser(url_)).run(sql);
  }

 private:
  std::string url_;
};

inline std::unique_ptr<StoreSet> make_plain_set(Loop& loop, const Clock& clock, IdGenerator& ids) {
  return std::make_unique<PlainPostgresSet>(loop, clock, ids);
}

}  // namespace librebird::testkit
