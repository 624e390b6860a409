#pragma once

// Expected failure as a value: Result<T> is either a T or an Error, and must be looked at.
//
// Codes are protocol-neutral; each edge (HTTP, gRPC, tool results) maps them in one place. `message` is one sentence
// for a person: the cause and the next step. Never a secret, never another user's data.
// Thread-safe as any value is. Exceptions are for third-party walls only; programming errors assert.
//
//   Result<int> parse_port(std::string_view text);
//   LB_TRY(port, parse_port("8741"));   // returns the error from the enclosing function
//   LB_CO_TRY(row, co_await store.get(id));

#include <cassert>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace librebird {

enum class Code {
  invalid_argument,    // the caller's input is wrong
  unauthenticated,     // no or bad credential
  permission_denied,   // known caller, not allowed
  not_found,           // absent, or not the caller's: the two are not told apart
  already_exists,      // a unique thing is there already
  failed_precondition, // the system's state forbids it
  resource_exhausted,  // a quota or a bounded queue is full
  unavailable,         // a dependency is away; retry
  deadline_exceeded,   // took longer than allowed
  cancelled,           // the caller or an operator stopped it
  too_large,           // over a size limit
  data_loss,           // stored data is damaged
  internal,            // our own fault
};

[[nodiscard]] std::string_view to_string(Code code);
[[nodiscard]] std::optional<Code> code_from_string(std::string_view name);

// A limit on use, and how far it is used.
struct LimitUse {
  std::string of;           // whose: user, workspace or member
  std::string what;         // what is counted, and in which time: messages_a_day, bytes, ...
  std::int64_t used = 0;
  std::int64_t limit = 0;
  std::string raised_by;    // operator or admin
  std::int64_t resets_at = 0;  // Unix time in milliseconds; 0: not by itself

  friend bool operator==(const LimitUse&, const LimitUse&) = default;
};

struct Error {
  Code code = Code::internal;
  std::string message;
  bool retryable = false;
  // With resource_exhausted and unavailable: when trying again makes sense.
  std::chrono::milliseconds retry_after{0};
  // For programs, which limit was reached; the message tells it to a person.
  std::shared_ptr<const LimitUse> limit{};

  friend bool operator==(const Error& a, const Error& b);
};

// Shorthands for the common case. Retryable is set for unavailable, resource_exhausted and deadline_exceeded.
[[nodiscard]] Error make_error(Code code, std::string message);

struct Ok {
  friend bool operator==(Ok, Ok) = default;
};

template <class T = Ok>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}           // NOLINT: implicit on purpose
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}       // NOLINT
  Result(Code code, std::string message) : Result(make_error(code, std::move(message))) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  [[nodiscard]] const Error& error() const& {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Error&& error() && {
    assert(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<Ok>;

}  // namespace librebird

#define LB_CONCAT_INNER(a, b) a##b
#define LB_CONCAT(a, b) LB_CONCAT_INNER(a, b)
#define LB_TRY_IMPL(ret, tmp, name, ...) \
  auto tmp = (__VA_ARGS__);              \
  if (!tmp) ret std::move(tmp).error();  \
  auto name = std::move(tmp).value()
// Declares `name` with the value, or returns the error.
#define LB_TRY(name, ...) LB_TRY_IMPL(return, LB_CONCAT(lb_try_, __LINE__), name, __VA_ARGS__)
#define LB_CO_TRY(name, ...) LB_TRY_IMPL(co_return, LB_CONCAT(lb_try_, __LINE__), name, __VA_ARGS__)
// Returns the error, if any; drops the value.
#define LB_CHECK(...) \
  if (auto lb_checked = (__VA_ARGS__); !lb_checked) return std::move(lb_checked).error()
#define LB_CO_CHECK(...) \
  if (auto lb_checked = (__VA_ARGS__); !lb_checked) co_return std::move(lb_checked).error()
