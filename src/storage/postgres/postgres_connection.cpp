#include "postgres_connection.hpp"

#include "postgres_error.hpp"

#include <librebird/base/utf8.hpp>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <cassert>
#include <charconv>
#include <chrono>

namespace librebird::storage {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kBegin = "BEGIN";
constexpr std::string_view kBeginRead = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
#define LB_IDENTITY                                                            \
  "SELECT set_config('role', $1, true), set_config('app.user_id', $2, true), " \
  "set_config('app.workspace_id', $3, true)"
#define LB_DO_NOT_WAIT_FOR_DISK ", set_config('synchronous_commit', 'off', true)"
constexpr std::string_view kIdentity = LB_IDENTITY;
constexpr std::string_view kIdentityAndLock = LB_IDENTITY ", pg_advisory_xact_lock($4)";
constexpr std::string_view kOrderedIdentity = LB_IDENTITY LB_DO_NOT_WAIT_FOR_DISK;
constexpr std::string_view kOrderedIdentityAndLock = LB_IDENTITY ", pg_advisory_xact_lock($4)" LB_DO_NOT_WAIT_FOR_DISK;
constexpr std::size_t kNull = static_cast<std::size_t>(-1);
constexpr std::string_view kRole = "SELECT set_config('role', $1, true)";

class PostgresRow final : public Row {
 public:
  PostgresRow(const PGresult* result, int row) : result_(result), row_(row) {}
  bool is_null(int column) const override { return PQgetisnull(result_, row_, column) != 0; }
  std::int64_t integer(int column) const override {
    const std::string_view value = text(column);
    if (value == "t") return 1;  // a boolean
    std::int64_t number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    return number;
  }
  std::string_view text(int column) const override {
    return {PQgetvalue(result_, row_, column), static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  }

 private:
  const PGresult* result_;
  int row_;
};

std::int64_t changed_rows(PGresult* result) {
  const std::string_view count = PQcmdTuples(result);
  std::int64_t number = 0;
  std::from_chars(count.data(), count.data() + count.size(), number);
  return number;
}

// The server takes neither zero bytes nor broken UTF-8. What is kept has none (clean_text()), so such a text is looked
// for in its mended form, and found nowhere.
void append_text(std::string& out, std::string_view text) {
  if (!is_utf8(text)) {
    append_text(out, to_valid_utf8(text));
    return;
  }
  for (std::size_t zero = 0; (zero = text.find('\0')) != std::string_view::npos; text.remove_prefix(zero + 1)) {
    out += text.substr(0, zero);
    out += "\xEF\xBF\xBD";
  }
  out += text;
}

// The statement with its parameters behind `taken` others. No text of a statement has a dollar sign in it.
void append_renumbered(std::string& out, std::string_view sql, std::size_t taken) {
  while (true) {
    const std::size_t dollar = sql.find('$');
    out += sql.substr(0, dollar);
    if (dollar == std::string_view::npos) return;
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(sql.data() + dollar + 1, sql.data() + sql.size(), number);
    fmt::format_to(std::back_inserter(out), "${}", number + taken);
    sql.remove_prefix(static_cast<std::size_t>(end - sql.data()));
  }
}

}  // namespace

std::int64_t PostgresConnection::lock_of(Actor actor) {
  constexpr std::int64_t kServiceLock = 0x6C69627265626972;  // "librebir"
  if (actor.parallel) return 0;
  if (actor.workspace_id.empty()) return kServiceLock;
  std::uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  for (const char c : actor.workspace_id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash == 0 ? 1 : static_cast<std::int64_t>(hash);
}

PostgresConnection::~PostgresConnection() { PQfinish(handle_); }

Error PostgresConnection::lose(std::string_view detail) {
  lost_ = true;
  failed_ = true;
  sent_.clear();
  return unreachable(detail.empty() ? "the connection was lost" : detail, name_);
}

Error PostgresConnection::failure(const PGresult* result) {
  failed_ = true;
  const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string state = field != nullptr ? field : "";
  const char* words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string said = words != nullptr ? words : PQresultErrorMessage(result);
  // An administrator's or a crash's end of the session; and plans that a schema change has outdated.
  const bool over = state.empty() || state.starts_with("57P") || state == "25P03" || state == "26000" ||
                    (state == "0A000" && said.find("cached plan") != std::string::npos);
  if (over || PQstatus(handle_) == CONNECTION_BAD) return lose(said);
  if (race_ == Race::none) {
    if (state == "40001" || state == "40P01") race_ = Race::conflict;
    if (state == "23505") race_ = Race::duplicate;
  }
  return postgres_error(state, said, name_);
}

bool PostgresConnection::is_local() const {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(PQsocket(handle_), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  switch (peer.ss_family) {
    case AF_UNIX: return true;
    case AF_INET: return ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr) >> 24 == 127;
    case AF_INET6: return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr) != 0;
    default: return false;
  }
}

Status PostgresConnection::wait(short events) {
  const auto left = std::chrono::duration_cast<Millis>(give_up_ - steady_clock::now());
  if (left.count() <= 0) return lose("it did not answer in time");
  pollfd entry{PQsocket(handle_), events, 0};
  if (::poll(&entry, 1, static_cast<int>(left.count()) + 1) < 0 && errno != EINTR) return lose("poll failed");
  if ((entry.revents & POLLIN) != 0 && PQconsumeInput(handle_) != 1) return lose(PQerrorMessage(handle_));
  return Ok{};
}

Status PostgresConnection::flush() {
  for (;;) {
    const int left = PQflush(handle_);
    if (left == 0) return Ok{};
    if (left < 0) return lose(PQerrorMessage(handle_));
    LB_CHECK(wait(POLLIN | POLLOUT));
  }
}

// The role is told when a statement needs another one, so that going back and forth for nothing costs nothing.
Status PostgresConnection::take_role() {
  const bool service = service_ || platform_ > 0;
  if (!identity_known_ || service == service_role_) return Ok{};
  const Param role[] = {service ? kServiceRole : kAppRole};
  LB_CHECK(send(kRole, role));
  service_role_ = service;
  return Ok{};
}

Status PostgresConnection::send_work(std::string_view sql, std::span<const Param> params) {
  LB_CHECK(send_together());
  LB_CHECK(take_role());
  return send(sql, params);
}

Status PostgresConnection::send(std::string_view sql, std::span<const Param> params) {
  clear_values();
  add_values(params);
  return send_values(sql);
}

void PostgresConnection::clear_values() {
  values_.clear();
  starts_.clear();
}

// Numbers and texts go as text; the server knows the types.
void PostgresConnection::add_values(std::span<const Param> params) {
  for (const Param& param : params) {
    starts_.push_back(std::holds_alternative<std::nullptr_t>(param) ? kNull : values_.size());
    if (const auto* integer = std::get_if<std::int64_t>(&param)) {
      fmt::format_to(std::back_inserter(values_), "{}", *integer);
    } else if (const auto* text = std::get_if<std::string_view>(&param)) {
      append_text(values_, *text);
    }
    values_.push_back('\0');
  }
}

Status PostgresConnection::send_values(std::string_view sql) {
  if (lost_) return unreachable("the connection was lost", name_);
  if (failed_) return {Code::internal, "An earlier statement of this work failed, so that nothing more can be done."};
  std::vector<const char*> values(starts_.size(), nullptr);
  for (std::size_t i = 0; i < starts_.size(); ++i) {
    if (starts_[i] != kNull) values[i] = values_.data() + starts_[i];
  }
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    found = statements_.emplace(std::string(sql), Statement{fmt::format("s{}", statements_.size())}).first;
  }
  Statement& statement = found->second;
  if (statement.state == Statement::State::unknown) {
    if (PQsendPrepare(handle_, statement.name.c_str(), found->first.c_str(), 0, nullptr) != 1) {
      return lose(PQerrorMessage(handle_));
    }
    statement.state = Statement::State::sent;
    sent_.push_back({Sent::What::prepare, &statement});
  }
  if (PQsendQueryPrepared(handle_, statement.name.c_str(), static_cast<int>(values.size()), values.data(), nullptr,
                          nullptr, 0) != 1) {
    return lose(PQerrorMessage(handle_));
  }
  sent_.push_back({Sent::What::statement, &statement});
  return Ok{};
}

void PostgresConnection::set_together(bool on) {
  if (!on) (void)send_together();  // if it fails, so does what follows
  together_ = on;
}

// "WITH one AS (...), two AS (...) SELECT": the whole of a statement costs the server as much as writing its row, and a
// part of one next to nothing (https://www.postgresql.org/docs/15/queries-with.html#QUERIES-WITH-MODIFYING).
Status PostgresConnection::send_together() {
  if (fused_count_ == 0) return Ok{};
  fused_ += ") SELECT";
  const Status sent = send_values(fused_);
  fused_count_ = 0;
  return sent;
}

Status PostgresConnection::sync() {
  if (lost_) return unreachable("the connection was lost", name_);
  if (PQpipelineSync(handle_) != 1) return lose(PQerrorMessage(handle_));
  sent_.push_back({Sent::What::sync, nullptr});
  give_up_ = steady_clock::now() + patience_;
  return flush();
}

Result<PostgresConnection::Answer> PostgresConnection::next_result() {
  while (PQisBusy(handle_) != 0) LB_CHECK(wait(POLLIN));
  return Answer(PQgetResult(handle_));
}

Result<std::vector<PostgresConnection::Answer>> PostgresConnection::answers() {
  std::vector<Answer> all;
  std::optional<Error> error;
  while (!sent_.empty()) {
    LB_TRY(result, next_result());
    const Sent at = sent_.front();
    if (!result) {
      if (at.what == Sent::What::sync) return lose(PQerrorMessage(handle_));
      sent_.pop_front();
      continue;
    }
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC: sent_.pop_front(); break;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        if (at.what == Sent::What::prepare) at.statement->state = Statement::State::prepared;
        if (at.what == Sent::What::statement) all.push_back(std::move(result));
        break;
      case PGRES_PIPELINE_ABORTED:
        if (at.what == Sent::What::prepare) at.statement->state = Statement::State::unknown;
        break;
      default: {
        if (at.what == Sent::What::prepare) at.statement->state = Statement::State::unknown;
        const Error failed = failure(result.get());
        if (!error) error = failed;
        if (lost_) return *error;
      }
    }
  }
  if (error) return *error;
  return all;
}

Status PostgresConnection::settle() {
  if (sent_.empty()) return Ok{};
  LB_CHECK(sync());
  LB_CHECK(answers());
  return Ok{};
}

Status PostgresConnection::show(const PGresult* answer, const Visitor& visitor) {
  if (visitor.call == nullptr) return Ok{};
  const int rows = PQntuples(answer);
  for (int row = 0; row < rows; ++row) LB_CHECK(visitor.call(visitor.context, PostgresRow(answer, row)));
  return Ok{};
}

Result<std::int64_t> PostgresConnection::run(std::string_view sql, std::span<const Param> params,
                                             const Visitor& visitor) {
  LB_CHECK(send_work(sql, params));
  LB_CHECK(sync());
  LB_TRY(all, answers());
  if (all.empty()) return lose("it sent no answer");
  note_change(all.back().get());
  LB_CHECK(show(all.back().get(), visitor));
  return changed_rows(all.back().get());
}

Status PostgresConnection::run_two(Query first, const Visitor& first_visitor, Query second,
                                   const Visitor& second_visitor) {
  LB_CHECK(send_work(first.sql, first.params));
  LB_CHECK(send_work(second.sql, second.params));
  LB_CHECK(sync());
  LB_TRY(all, answers());
  if (all.size() < 2) return lose("it sent no answer");
  note_change(all[all.size() - 2].get());
  note_change(all.back().get());
  LB_CHECK(show(all[all.size() - 2].get(), first_visitor));
  return show(all.back().get(), second_visitor);
}

Status PostgresConnection::run_later(std::string_view sql, std::span<const Param> params) {
  changed_ = true;
  if (!together_) return send_work(sql, params);
  if (fused_count_ == 0) {
    LB_CHECK(take_role());
    clear_values();
    fused_.clear();
  }
  fmt::format_to(std::back_inserter(fused_), "{}s{} AS (", fused_count_ == 0 ? "WITH " : "), ", fused_count_);
  append_renumbered(fused_, sql, starts_.size());
  add_values(params);
  ++fused_count_;
  return Ok{};
}

void PostgresConnection::note_change(PGresult* answer) {
  const bool reads = std::string_view(PQcmdStatus(answer)).starts_with("SELECT");
  if (!reads && changed_rows(answer) > 0) changed_ = true;
}

Status PostgresConnection::take_identity(Actor actor, std::int64_t lock, Durability durability) {
  service_ = actor.user_id.empty();
  user_ = actor.user_id;
  workspace_ = actor.workspace_id;
  identity_known_ = true;
  service_role_ = service_;
  const Param params[] = {service_ ? kServiceRole : kAppRole, actor.user_id, actor.workspace_id, lock};
  const std::string_view sql = durability == Durability::ordered
                                   ? (lock != 0 ? kOrderedIdentityAndLock : kOrderedIdentity)
                                   : (lock != 0 ? kIdentityAndLock : kIdentity);
  return send(sql, std::span(params).first(lock != 0 ? 4 : 3));
}

void PostgresConnection::set_platform(bool on) { platform_ += on ? 1 : -1; }

Status PostgresConnection::begin(Actor actor, Mode mode, Durability durability, std::int64_t lock) {
  failed_ = lost_;
  race_ = Race::none;
  changed_ = false;
  fused_count_ = 0;
  platform_ = 0;
  LB_CHECK(send(mode == Mode::read ? kBeginRead : kBegin, {}));
  return take_identity(actor, lock, mode == Mode::write ? durability : Durability::full);
}

Status PostgresConnection::begin_part(Actor actor) {
  race_ = Race::none;
  changed_ = false;
  if (identity_known_ && user_ == actor.user_id && workspace_ == actor.workspace_id) return Ok{};
  return take_identity(actor, 0, Durability::full);
}

Status PostgresConnection::begin_apart(Actor actor) {
  LB_CHECK(send("SAVEPOINT part", {}));
  return begin_part(actor);
}

Status PostgresConnection::end_apart() { return send("RELEASE SAVEPOINT part", {}); }

Status PostgresConnection::undo_apart() {
  LB_CHECK(send("ROLLBACK TO SAVEPOINT part", {}));
  identity_known_ = false;  // what was set inside the part is undone as well
  return end_apart();
}

Status PostgresConnection::commit() {
  identity_known_ = false;
  LB_CHECK(send("COMMIT", {}));
  LB_CHECK(sync());
  LB_TRY(all, answers());
  if (!all.empty() && std::string_view(PQcmdStatus(all.back().get())) == "COMMIT") return Ok{};
  return {Code::internal, "The database undid a transaction that had failed before."};
}

void PostgresConnection::abandon() {
  (void)settle();
  failed_ = lost_;
  fused_count_ = 0;
  identity_known_ = false;
  if (send("ROLLBACK", {})) (void)sync();
}

Status PostgresConnection::alone(const std::function<Status()>& work) {
  failed_ = lost_;
  race_ = Race::none;
  identity_known_ = false;
  LB_CHECK(send(kBegin, {}));
  LB_CHECK(execute("SELECT pg_advisory_xact_lock($1)", lock_of(kService)));
  Status done = work();
  if (done) done = commit();
  if (!done) abandon();
  return done;
}

Status PostgresConnection::run_script(const std::string& sql) {
  const bool pipelined = PQpipelineStatus(handle_) != PQ_PIPELINE_OFF;
  if (pipelined) {
    LB_CHECK(settle());
    if (PQexitPipelineMode(handle_) != 1) return lose(PQerrorMessage(handle_));
  }
  const Answer answer(PQexec(handle_, sql.c_str()));
  const ExecStatusType status = PQresultStatus(answer.get());
  Status done = Ok{};
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
    done = failure(answer.get());
  }
  if (pipelined && !lost_ && PQenterPipelineMode(handle_) != 1) return lose(PQerrorMessage(handle_));
  return done;
}

}  // namespace librebird::storage
