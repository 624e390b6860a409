#pragma once

// A turn: one user message being answered. Its journal is the list of steps that are on disk; a turn that lost its
// worker goes on from there.

#include <librebird/base/clock.hpp>
#include <librebird/core/model/chat.hpp>
#include <librebird/core/model/principal.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace librebird {

enum class TurnStatus { queued, running, done, failed, cancelled };

[[nodiscard]] std::string_view to_string(TurnStatus status);
[[nodiscard]] std::optional<TurnStatus> turn_status_from_string(std::string_view name);
[[nodiscard]] inline bool is_final(TurnStatus status) {
  return status == TurnStatus::done || status == TurnStatus::failed || status == TurnStatus::cancelled;
}

struct TurnError {
  std::string code;    // as librebird::to_string(Code)
  std::string detail;

  friend bool operator==(const TurnError&, const TurnError&) = default;
};

struct Turn {
  std::string id;
  std::string conversation_id;
  std::string message_id;  // the user message it answers
  Principal principal;     // whose turn it is; credential_id empty
  TurnStatus status = TurnStatus::queued;
  int attempt = 0;         // how often a worker has taken it
  bool cancel_requested = false;
  std::optional<TurnError> error;
  UnixMillis created_at = 0;
  std::optional<UnixMillis> started_at;
  std::optional<UnixMillis> finished_at;
};

// A step is written before the next one starts. A model answer names its tool calls: from then on each of them may
// have run, so one without a result is reported as interrupted after a crash, unless its tool is idempotent.
struct TurnStep {
  int index = 0;  // from 0, without gaps
  std::variant<ModelAnswer, ToolResult> what;

  friend bool operator==(const TurnStep&, const TurnStep&) = default;
};

}  // namespace librebird
