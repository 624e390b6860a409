#include "postgres_snapshot.hpp"

#include "postgres_connection.hpp"

namespace librebird::storage {
namespace {

class PostgresSnapshot final : public Database {
 public:
  explicit PostgresSnapshot(std::unique_ptr<PostgresConnection> connection) : connection_(std::move(connection)) {}

 private:
  void submit(Job& job, Kind kind) override {
    if (kind == Kind::read && job.actor.user_id.empty()) {
      (void)job.run(*connection_);
    } else {
      job.fail(make_error(Code::internal, "A snapshot is read by the platform, and by nobody else."));
    }
    job.resume();
  }

  std::unique_ptr<PostgresConnection> connection_;
};

}  // namespace

Result<std::unique_ptr<Database>> open_snapshot(const PostgresOptions& options) {
  LB_TRY(connection, PostgresConnection::open(options.url, options.patience, options.statement_timeout, kAppRole));
  LB_CHECK(connection->begin(kService, PostgresConnection::Mode::read, Durability::ordered, 0));
  // The moment is that of the first statement.
  LB_CHECK(connection->execute("SELECT 1"));
  return std::unique_ptr<Database>(std::make_unique<PostgresSnapshot>(std::move(connection)));
}

}  // namespace librebird::storage
