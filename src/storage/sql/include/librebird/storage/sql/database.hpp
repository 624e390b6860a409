#pragma once

// The engine-neutral database that the stores are written against. Private to src/storage.
//
// Stores hand over work: a plain callable `Result<T>(Connection&)` that runs on a database thread inside a
// transaction. write() answers after the commit; several writes may share one commit, each in its own savepoint, so a
// failed one leaves no trace and harms no other. read() sees one snapshot.
//
//   auto work = [&](Connection& db) -> Result<User> { ... };   // named first: it must outlive the call
//   co_return co_await database.read(as(principal), work);
//
// Each piece of work names its Actor: an engine with row-level security shows it that actor's rows only, below and
// beside what the SQL filters by.
//
// Thread rule: write() and read() on the loop; the callable on another thread: it may read the suspended caller's
// locals and must touch nothing else. SQL uses $1 parameters and only what SQLite and PostgreSQL both accept.
// A callable may be run again after a lost commit race, so it must not move from what it captures.
//
// Writes of one workspace happen one after the other, in whatever process, and so do those of kService: what a write
// has read is still so when it commits. Only kServiceParallel gives that up.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace librebird::storage {

using Param = std::variant<std::nullptr_t, std::int64_t, std::string_view>;

inline Param to_param(std::nullptr_t) { return nullptr; }
inline Param to_param(Param value) { return value; }
inline Param to_param(std::string_view text) { return text; }
inline Param to_param(const std::string& text) { return std::string_view(text); }
inline Param to_param(const char* text) { return std::string_view(text); }
template <std::integral Int>
Param to_param(Int value) {
  return static_cast<std::int64_t>(value);
}
template <class T>
Param to_param(const std::optional<T>& value) {
  return value ? to_param(*value) : Param(nullptr);
}

// The row at hand. Text views end with the visit.
class Row {
 public:
  [[nodiscard]] virtual bool is_null(int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual std::string_view text(int column) const = 0;

  [[nodiscard]] std::string string(int column) const { return std::string(text(column)); }
  [[nodiscard]] std::optional<std::string> optional_string(int column) const {
    return is_null(column) ? std::nullopt : std::optional<std::string>(text(column));
  }
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const {
    return is_null(column) ? std::nullopt : std::optional<std::int64_t>(integer(column));
  }

 protected:
  ~Row() = default;
};

template <class T>
struct UnwrapResult {
  using type = T;
};
template <class T>
struct UnwrapResult<Result<T>> {
  using type = T;
};
template <class F>
using MappedRow = typename UnwrapResult<std::invoke_result_t<F&, const Row&>>::type;

// One session with the engine. Statements are prepared once and kept, keyed by their text: keep the number of
// different texts small. A visitor must not run another statement.
class Connection {
 public:
  virtual ~Connection() = default;

  // Answers how many rows were changed.
  template <class... P>
  Result<std::int64_t> execute(std::string_view sql, const P&... params) {
    return run_with(sql, Visitor{}, params...);
  }
  // As execute(), where only success matters. An engine may send the statement together with what follows it: then
  // its error comes from the next call, or fails the work at its end.
  template <class... P>
  Status post(std::string_view sql, const P&... params) {
    if constexpr (sizeof...(P) == 0) {
      return run_later(sql, {});
    } else {
      const Param list[] = {to_param(params)...};
      return run_later(sql, list);
    }
  }
  // `visit(const Row&)` is called for each row; it returns nothing, or a Status that ends the visit.
  template <class F, class... P>
  Status each(std::string_view sql, F&& visit, const P&... params) {
    LB_CHECK(run_with(sql, visitor_of(visit), params...));
    return Ok{};
  }
  // The first row, mapped by `map(const Row&)` to a T or a Result<T>.
  template <class F, class... P>
  Result<std::optional<MappedRow<F>>> one(std::string_view sql, F&& map, const P&... params) {
    std::optional<MappedRow<F>> found;
    auto visit = [&](const Row& row) -> Status {
      if (found) return Ok{};
      return store(map(row), [&](MappedRow<F> value) { found.emplace(std::move(value)); });
    };
    LB_CHECK(each(sql, visit, params...));
    return found;
  }
  template <class F, class... P>
  Result<std::vector<MappedRow<F>>> all(std::string_view sql, F&& map, const P&... params) {
    std::vector<MappedRow<F>> rows;
    auto visit = [&](const Row& row) -> Status {
      return store(map(row), [&](MappedRow<F> value) { rows.push_back(std::move(value)); });
    };
    LB_CHECK(each(sql, visit, params...));
    return rows;
  }
  // As execute() and each(), with parameters that are counted at run time.
  Result<std::int64_t> execute_with(std::string_view sql, std::span<const Param> params) {
    return run(sql, params, Visitor{});
  }
  template <class F>
  Status each_with(std::string_view sql, F&& visit, std::span<const Param> params) {
    LB_CHECK(run(sql, params, visitor_of(visit)));
    return Ok{};
  }
  // Two queries at once: the second one's text needs nothing of what the first answers. It sees what that changed.
  struct Query {
    std::string_view sql;
    std::span<const Param> params;
  };
  template <class F, class G>
  Status each_of_two(Query first, F&& visit_first, Query second, G&& visit_second) {
    return run_two(first, visitor_of(visit_first), second, visitor_of(visit_second));
  }
  // Several statements without parameters, separated by semicolons; for migrations.
  virtual Status run_script(const std::string& sql) = 0;
  // For whoever holds a connection outside of write() and read(): a transaction that nothing else writes beside.
  virtual Status alone(const std::function<Status()>& work) = 0;

 protected:
  struct Visitor {
    void* context = nullptr;
    Status (*call)(void*, const Row&) = nullptr;
  };
  virtual Result<std::int64_t> run(std::string_view sql, std::span<const Param> params, const Visitor& visitor) = 0;
  virtual Status run_two(Query first, const Visitor& first_visitor, Query second, const Visitor& second_visitor) {
    LB_CHECK(run(first.sql, first.params, first_visitor));
    LB_CHECK(run(second.sql, second.params, second_visitor));
    return Ok{};
  }
  virtual Status run_later(std::string_view sql, std::span<const Param> params) {
    LB_CHECK(run(sql, params, Visitor{}));
    return Ok{};
  }

 private:
  friend class AsPlatform;
  friend class PostedTogether;
  // Whether statements run as the platform itself although the work has a user.
  virtual void set_platform(bool /*on*/) {}
  virtual void set_together(bool /*on*/) {}

  template <class... P>
  Result<std::int64_t> run_with(std::string_view sql, const Visitor& visitor, const P&... params) {
    if constexpr (sizeof...(P) == 0) {
      return run(sql, {}, visitor);
    } else {
      const Param list[] = {to_param(params)...};
      return run(sql, list, visitor);
    }
  }
  template <class F>
  static Visitor visitor_of(F& visit) {
    return {&visit, [](void* context, const Row& row) -> Status {
              auto& function = *static_cast<F*>(context);
              if constexpr (std::is_void_v<std::invoke_result_t<F&, const Row&>>) {
                function(row);
                return Ok{};
              } else {
                return function(row);
              }
            }};
  }
  template <class T, class Put>
  static Status store(T value, Put&& put) {
    put(std::move(value));
    return Ok{};
  }
  template <class T, class Put>
  static Status store(Result<T> value, Put&& put) {
    LB_CHECK(value);
    put(std::move(value).value());
    return Ok{};
  }
};

// While it lives, statements run as the platform: for what a user's work must write and may not reach by itself, such
// as the audit log. They may be nested.
class AsPlatform {
 public:
  explicit AsPlatform(Connection& connection) : connection_(connection) { connection_.set_platform(true); }
  ~AsPlatform() { connection_.set_platform(false); }
  AsPlatform(const AsPlatform&) = delete;
  AsPlatform& operator=(const AsPlatform&) = delete;

 private:
  Connection& connection_;
};

// While it lives, no posted statement sees or touches what another one changes, so that an engine may run them as one.
// What is not posted sees them all. They are not nested, and stand inside AsPlatform or outside of it.
class PostedTogether {
 public:
  explicit PostedTogether(Connection& connection) : connection_(connection) { connection_.set_together(true); }
  ~PostedTogether() { connection_.set_together(false); }
  PostedTogether(const PostedTogether&) = delete;
  PostedTogether& operator=(const PostedTogether&) = delete;

 private:
  Connection& connection_;
};

// When a write may be reported as done.
enum class Durability {
  full,     // it is on the disk
  ordered,  // it survives the death of the process, and a power cut if anything written after it does
};

// Whose rows the work may touch. The views outlive the call.
struct Actor {
  std::string_view user_id;  // empty: the platform itself
  std::string_view workspace_id;
  bool parallel = false;  // its writes may happen beside any others
};
// What the platform does on nobody's behalf: look up credentials, ...
inline constexpr Actor kService{};
// ... keep what belongs to one workspace, in turn with its users' writes, such as the audit log, ...
inline constexpr Actor service_in(std::string_view workspace_id) { return {{}, workspace_id}; }
// ... and lease turns: each write decides by one conditional statement, which holds whatever else is written.
inline constexpr Actor kServiceParallel{{}, {}, true};

// What a database does for its stores when nobody waits for it, a batch at a time.
struct IdleWork {
  std::function<Result<bool>(Connection&)> run;  // inside a transaction, as the platform; true: there is more
  std::function<void()> committed;               // of what run() did last; may be empty
};

class Database {
 public:
  virtual ~Database() = default;

  template <class F>
  Task<std::invoke_result_t<F&, Connection&>> write(Actor actor, F& work, Durability durability = Durability::full) {
    return submit_and_wait(actor, work, Kind::write, durability);
  }
  template <class F>
  Task<std::invoke_result_t<F&, Connection&>> read(Actor actor, F& work) {
    return submit_and_wait(actor, work, Kind::read, Durability::ordered);
  }

 protected:
  enum class Kind { read, write };

  // One piece of work, alive in its caller's coroutine frame until resume() was called.
  class Job {
   public:
    virtual bool run(Connection& connection) = 0;  // false: failed, undo it
    virtual void fail(const Error& error) = 0;     // replaces the outcome
    virtual void resume() = 0;                     // the last call
    Actor actor;
    Durability durability = Durability::full;

   protected:
    ~Job() = default;
  };
  // Takes the job, or answers it at once with fail() and resume() when its queue is full or closing.
  virtual void submit(Job& job, Kind kind) = 0;

 private:
  template <class F>
  class JobOf final : public Job {
   public:
    using R = std::invoke_result_t<F&, Connection&>;
    explicit JobOf(F& work) : work_(work) {}
    bool run(Connection& connection) override {
      try {
        result_.emplace(work_(connection));
      } catch (const std::exception& e) {
        result_.emplace(make_error(Code::internal, std::string("The database work failed: ") + e.what() + "."));
      }
      return result_->ok();
    }
    void fail(const Error& error) override { result_.emplace(error); }
    void resume() override {
      auto continuation = std::move(*continuation_);
      continuation(std::move(*result_));
    }
    void set_continuation(Resume<R> continuation) { continuation_.emplace(std::move(continuation)); }

   private:
    F& work_;
    std::optional<R> result_;
    std::optional<Resume<R>> continuation_;
  };

  template <class F>
  Task<std::invoke_result_t<F&, Connection&>> submit_and_wait(Actor actor, F& work, Kind kind, Durability durability) {
    using R = std::invoke_result_t<F&, Connection&>;
    JobOf<F> job(work);
    job.actor = actor;
    job.durability = durability;
    auto start = [&](Resume<R> resume) {
      job.set_continuation(std::move(resume));
      submit(job, kind);
    };
    co_return co_await suspend<R>(std::ref(start));
  }
};

}  // namespace librebird::storage
