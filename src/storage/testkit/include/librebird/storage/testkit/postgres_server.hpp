#pragma once

// A PostgreSQL server of the test's own, with Debian's programs: in a temporary folder, on a Unix socket, as an
// unprivileged user when the test is root.
//
//   PostgresServer& server = PostgresServer::of_this_program();
//   const std::string url = server.fresh_database();
//
// Thread rule: one thread at a time.

#include <memory>
#include <string>
#include <vector>

namespace librebird::testkit {

class PostgresServer {
 public:
  // Throws std::runtime_error with what is missing.
  // Started once, and quick: it does not wait for the disk. Not for tests of what a crash leaves.
  static PostgresServer& of_this_program();
  // With the honest settings of a real one, and these beside them.
  explicit PostgresServer(std::vector<std::string> settings = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // An empty database. Its login owns it and may create roles, but is no superuser.
  std::string empty_database();
  // A database with the schema, copied from a template that `make(url)` filled at the first call.
  template <class Make>
  std::string fresh_database(Make&& make) {
    if (template_.empty()) {
      const std::string url = empty_database();
      make(url);
      template_ = name_of(url);
    }
    return copy_of(template_);
  }
  // The same database as a superuser, or as another login.
  [[nodiscard]] std::string as(const std::string& url, const std::string& login) const;
  [[nodiscard]] std::string as_superuser(const std::string& url) const { return as(url, "postgres"); }

  // Whether its databases have the extension; `./dev test` installs it.
  [[nodiscard]] bool has_pgvector() const { return has_pgvector_; }

  void kill();   // SIGKILL, as a power cut of this process
  void start();  // again; returns when it answers

 private:
  static std::string name_of(const std::string& url);
  std::string copy_of(const std::string& name);
  [[nodiscard]] std::string url_of(const std::string& name, const std::string& login) const;

  std::string folder_;
  std::string programs_;
  std::vector<std::string> settings_;
  std::string template_;
  int pid_ = 0;
  int databases_ = 0;
  bool has_pgvector_ = false;
};

// A plain connection: what somebody else with that login could do.
class RawPostgres {
 public:
  explicit RawPostgres(const std::string& url);
  ~RawPostgres();
  RawPostgres(const RawPostgres&) = delete;
  RawPostgres& operator=(const RawPostgres&) = delete;
  // The first column of the first row; a failure fails the test.
  std::string run(const std::string& sql);
  // The SQLSTATE of what the server answers; "00000": it went well.
  std::string state_of(const std::string& sql);
  [[nodiscard]] int rows() const { return rows_; }  // read or changed by the last statement

 private:
  void* handle_ = nullptr;
  int rows_ = 0;
};

}  // namespace librebird::testkit
