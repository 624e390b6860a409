#pragma once

// One libpq connection in pipeline mode with its prepared statements. Used by one thread at a time.
//
// Statements are sent with what was posted before them, and one Sync; run() then reads all answers. A lost connection
// stays lost: open another.

#include <librebird/base/clock.hpp>
#include <librebird/storage/sql/database.hpp>

#include "libpq.hpp"

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace librebird::storage {

inline constexpr std::string_view kAppRole = "librebird_app";
inline constexpr std::string_view kServiceRole = "librebird_service";

// The database as its user knows it: host, port and name, no password.
Result<std::string> display_name(const std::string& url);

class PostgresConnection final : public Connection {
 public:
  // `statement_timeout`: of the server; the connection is given up a little later. `role`: of what runs outside of a
  // transaction; empty: the login's.
  static Result<std::unique_ptr<PostgresConnection>> open(const std::string& url, Millis lock_timeout,
                                                          Millis statement_timeout, std::string_view role = {});
  ~PostgresConnection() override;
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  enum class Mode { read, write };
  // Why work failed that may succeed when it is run again. conflict: with other work at the same time. duplicate: of a
  // key, which the work may find the next time.
  enum class Race { none, conflict, duplicate };

  // Begins a transaction as this actor; goes out with the first statement. `lock`: of those that may not happen
  // beside each other; 0: none.
  Status begin(Actor actor, Mode mode, Durability durability, std::int64_t lock);
  // Another piece of work in the same transaction, under that actor.
  Status begin_part(Actor actor);
  // Whether the part has changed anything, as far as is known: what is posted may have.
  [[nodiscard]] bool changed() const { return changed_; }
  // A part behind a savepoint, so that it can be undone alone.
  Status begin_apart(Actor actor);
  Status end_apart();
  Status undo_apart();
  // Sends what is left and COMMIT. With `lost()` afterwards nobody knows whether it was committed.
  Status commit();
  // Ends a transaction that changed nothing, or whose changes are not wanted, without waiting for the answer.
  void abandon();

  // As the session's role, under the lock of kService.
  Status alone(const std::function<Status()>& work) override;
  Status run_script(const std::string& sql) override;

  [[nodiscard]] bool lost() const { return lost_; }
  // A statement failed since begin(), maybe of an earlier part: all that can be done is abandon().
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] Race race() const { return race_; }  // since the part's begin
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int server_version() const { return PQserverVersion(handle_); }
  // Whether the server is on this machine.
  [[nodiscard]] bool is_local() const;
  // Of writes that must not happen beside each other; 0: beside any.
  static std::int64_t lock_of(Actor actor);

 protected:
  Result<std::int64_t> run(std::string_view sql, std::span<const Param> params, const Visitor& visitor) override;
  Status run_two(Query first, const Visitor& first_visitor, Query second, const Visitor& second_visitor) override;
  Status run_later(std::string_view sql, std::span<const Param> params) override;

 private:
  struct Statement {
    enum class State { unknown, sent, prepared };
    std::string name;
    State state = State::unknown;
  };
  // What was sent and not answered yet.
  struct Sent {
    enum class What { prepare, statement, sync };
    What what = What::sync;
    Statement* statement = nullptr;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using Answer = std::unique_ptr<PGresult, Clear>;

  PostgresConnection(PGconn* handle, std::string name, Millis patience)
      : handle_(handle), name_(std::move(name)), patience_(patience) {}
  void set_platform(bool on) override;
  void set_together(bool on) override;
  // The statement that values_ and nulls_ belong to.
  Status send_values(std::string_view sql);
  void add_values(std::span<const Param> params);
  void clear_values();
  Status send_together();  // those that wait to be
  Status send(std::string_view sql, std::span<const Param> params);
  Status take_role();  // that the work is to have now
  Status send_work(std::string_view sql, std::span<const Param> params);  // as the role it is to have
  void note_change(PGresult* answer);
  Status take_identity(Actor actor, std::int64_t lock, Durability durability);
  Status sync();  // asks for the answers to all that was sent
  Result<std::vector<Answer>> answers();  // waits for them: those of the statements, or the first error
  static Status show(const PGresult* answer, const Visitor& visitor);
  Status settle();  // sync() and answers(), if anything was sent
  Result<Answer> next_result();  // null: the end of one statement's
  Status wait(short events);  // until the socket is ready, within the patience
  Status flush();
  Error lose(std::string_view detail);  // the connection is gone
  Error failure(const PGresult* result);

  PGconn* handle_;
  std::string name_;
  Millis patience_;
  SteadyTime give_up_{};
  bool lost_ = false;
  bool failed_ = false;  // the transaction, or its part, must be undone
  Race race_ = Race::none;
  bool changed_ = false;
  int platform_ = 0;  // AsPlatform scopes alive
  bool service_ = true;  // statements run as the platform anyway
  bool service_role_ = false;  // the role that the server has been told
  std::deque<Sent> sent_;
  std::string user_;  // whose statements run now, and where
  std::string workspace_;
  bool identity_known_ = false;  // else: those of the session
  std::string values_;  // parameters, each ended by a zero byte
  std::vector<std::size_t> starts_;  // of each; kNull: it is null
  bool together_ = false;
  std::string fused_;  // statements that wait to be sent as one, with values_
  std::size_t fused_count_ = 0;
  std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> statements_;
};

}  // namespace librebird::storage
