#pragma once

// `librebird workspace retention`: how long a workspace keeps conversations. The operator acts as its owner.
// Thread rule: loop only.

#include <librebird/cli/commands.hpp>
#include <librebird/core/ports/retention_store.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace librebird::cli {

// Numbers that are not given stay as they are; without any it only shows.
struct RetentionCommand {
  std::string workspace;
  std::optional<std::int64_t> conversation_days;
  std::optional<std::int64_t> archived_days;
  bool dry_run = false;  // only says how many conversations would go
  bool json = false;
};

Task<int> run_retention(Operator op, RetentionStore& retention, RetentionCommand command);

}  // namespace librebird::cli
