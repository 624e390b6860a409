#include "postgres_snapshot.hpp"

#include "postgres_connection.hpp"

#include <fmt/format.h>

#include <chrono>
#include <thread>

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

// Statements take their time here: a whole installation is moved.
constexpr Millis kStatementTime{600'000};

class PostgresAllOrNothing final : public AllOrNothing {
 public:
  explicit PostgresAllOrNothing(std::unique_ptr<PostgresConnection> connection) : connection_(std::move(connection)) {}

  Status commit() override {
    if (failed_) return {Code::internal, "A part of the work failed, so that nothing of it is kept."};
    return connection_->commit();
  }

 private:
  void submit(Job& job, Kind) override {
    if (!job.actor.user_id.empty()) {
      job.fail(make_error(Code::internal, "This transaction is the platform's, and nobody else's."));
    } else if (!job.run(*connection_)) {
      failed_ = true;
    }
    job.resume();
  }

  std::unique_ptr<PostgresConnection> connection_;
  bool failed_ = false;
};

// Who else is connected; those who have just gone may still be seen for a moment.
Status wait_alone(PostgresConnection& connection, Millis patience) {
  auto number = [](const Row& row) { return row.integer(0); };
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (true) {
    LB_TRY(others, connection.one("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                  "application_name = 'librebird' AND pid <> pg_backend_pid()",
                                  number));
    if (others.value_or(0) == 0) return Ok{};
    if (std::chrono::steady_clock::now() > give_up) {
      return {Code::failed_precondition,
              fmt::format("Servers of Libre Bird are connected to {} ({} connections): stop them first. Nothing was "
                          "changed.",
                          connection.name(), others.value_or(0))};
    }
    std::this_thread::sleep_for(Millis(20));
  }
}

}  // namespace

Result<std::unique_ptr<Database>> open_snapshot(const PostgresOptions& options) {
  LB_TRY(connection, PostgresConnection::open(options.url, options.patience, options.statement_timeout, kAppRole));
  LB_CHECK(connection->begin(kService, PostgresConnection::Mode::read, Durability::ordered, 0));
  // The moment is that of the first statement.
  LB_CHECK(connection->execute("SELECT 1"));
  return std::unique_ptr<Database>(std::make_unique<PostgresSnapshot>(std::move(connection)));
}

Result<std::unique_ptr<AllOrNothing>> open_all_or_nothing(const PostgresOptions& options, bool alone) {
  LB_TRY(connection, PostgresConnection::open(options.url, options.patience, kStatementTime, kAppRole));
  if (alone) LB_CHECK(wait_alone(*connection, Millis(2000)));
  LB_CHECK(connection->begin(kService, PostgresConnection::Mode::write, Durability::full,
                             PostgresConnection::lock_of(kService)));
  return std::unique_ptr<AllOrNothing>(std::make_unique<PostgresAllOrNothing>(std::move(connection)));
}

}  // namespace librebird::storage
