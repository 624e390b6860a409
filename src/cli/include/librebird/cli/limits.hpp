#pragma once

// `librebird user limits` and `librebird workspace limits`: what the operator says instead of the configuration.
// Thread rule: loop only.

#include <librebird/cli/commands.hpp>
#include <librebird/core/ports/usage_store.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace librebird::cli {

// Numbers that are not given stay as they are; without any, and without `as_configured`, it only shows.
struct LimitsCommand {
  std::string user;  // id or e-mail address; or:
  std::string workspace;
  std::optional<std::int64_t> messages_a_day;
  std::optional<std::int64_t> tokens_a_day;
  std::optional<std::int64_t> tokens_a_month;
  std::optional<std::int64_t> cost_a_month;
  std::optional<std::int64_t> bytes;
  bool as_configured = false;
  bool json = false;
};

// `configured`: what holds where the operator says nothing.
Task<int> run_limits(Operator op, UsageStore& usage, UsageRules configured, LimitsCommand command);

}  // namespace librebird::cli
