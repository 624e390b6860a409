// How a connection comes to stand, and what its URL says.
#include "postgres_connection.hpp"

#include "postgres_error.hpp"

#include <fmt/format.h>

#include <memory>
#include <vector>

namespace librebird::storage {
namespace {

constexpr Millis kGrace{5000};  // the server stops a statement first, and says so
constexpr std::string_view kConnectTimeout = "5";

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ConnectionInfo = std::unique_ptr<PQconninfoOption, FreeOptions>;

// libpq's own words about a URL may repeat its password, so they are not passed on.
Result<ConnectionInfo> parse(const std::string& url) {
  LB_CHECK(load_libpq());
  char* words = nullptr;
  ConnectionInfo info(PQconninfoParse(url.c_str(), &words));
  PQfreemem(words);
  if (info) return info;
  return {Code::invalid_argument,
          "The database URL (DATABASE_URL, storage.url) cannot be read: write it as "
          "postgresql://user:password@host:5432/database, with special characters percent-encoded."};
}

std::string value_of(const ConnectionInfo& info, std::string_view key) {
  for (const PQconninfoOption* option = info.get(); option->keyword != nullptr; ++option) {
    if (option->keyword == key && option->val != nullptr) return option->val;
  }
  return {};
}

}  // namespace

Result<std::string> display_name(const std::string& url) {
  LB_TRY(info, parse(url));
  const std::string host = value_of(info, "host");
  const std::string port = value_of(info, "port");
  std::string database = value_of(info, "dbname");
  if (database.empty()) database = value_of(info, "user");
  return fmt::format("{}{}{}/{}", host.empty() ? "localhost" : host, port.empty() ? "" : ":", port, database);
}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(const std::string& url, Millis lock_timeout,
                                                                     Millis statement_timeout, std::string_view role) {
  LB_TRY(info, parse(url));
  LB_TRY(name, display_name(url));
  std::vector<const char*> keys;
  std::vector<const char*> values;
  const auto set = [&](const char* key, const char* value) {
    keys.push_back(key);
    values.push_back(value);
  };
  // What comes later wins; dbname with a URL in it stands for all of that.
  set("connect_timeout", kConnectTimeout.data());
  set("application_name", "librebird");
  set("tcp_user_timeout", "15000");
  set("dbname", url.c_str());
  set("client_encoding", "UTF8");
  set(nullptr, nullptr);
  PGconn* handle = PQconnectdbParams(keys.data(), values.data(), 1);
  std::unique_ptr<PostgresConnection> connection(
      new PostgresConnection(handle, std::move(name), statement_timeout + kGrace));
  if (handle == nullptr) return make_error(Code::unavailable, "There is no memory for a connection: try again later.");
  if (PQstatus(handle) != CONNECTION_OK) {
    const std::string_view words = PQerrorMessage(handle);
    // libpq gives no SQLSTATE before a connection stands, but ends with the server's words.
    const std::size_t fatal = words.find("FATAL:  ");
    const std::string_view said = fatal == std::string_view::npos ? words : words.substr(fatal + 8);
    std::string_view state = "08006";
    if (said.find("authentication failed") != std::string_view::npos || said.find("pg_hba") != std::string_view::npos ||
        (said.starts_with("role ") && said.find("does not exist") != std::string_view::npos) ||
        said.find("is not permitted to log in") != std::string_view::npos ||
        words.find("no password supplied") != std::string_view::npos) {
      state = "28000";
    } else if (said.starts_with("database ") && said.find("does not exist") != std::string_view::npos) {
      state = "3D000";
    } else if (said.starts_with("permission denied for database")) {
      state = "42501";
    } else if (said.find("too many connections") != std::string_view::npos ||
               said.find("connection slots") != std::string_view::npos) {
      state = "53300";
    }
    return postgres_error(state, said, connection->name_);
  }
  PQsetNoticeProcessor(handle, [](void*, const char*) {}, nullptr);
  // Committed means on the disk, whatever the server's default is. Tables grow faster than their statistics, and plans
  // are kept: one that was made while a table was small must not go on reading all of it.
  LB_CHECK(connection->run_script(
      fmt::format("SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; "
                  "SET enable_seqscan = off; SET jit = off; SET timezone = 'UTC'; SELECT "
                  "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN "
                  "'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
                  lock_timeout.count(), statement_timeout.count(), (statement_timeout + kGrace).count())));
  if (!role.empty()) LB_CHECK(connection->run_script(fmt::format("SET ROLE {}", role)));
  if (PQsetnonblocking(handle, 1) != 0 || PQenterPipelineMode(handle) != 1) {
    return unreachable(PQerrorMessage(handle), connection->name_);
  }
  return connection;
}

}  // namespace librebird::storage
