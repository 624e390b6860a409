#pragma once

// Port: takes a person along, or erases one, rows and files together (docs/export.md). Thread rule: loop only.
// Whoever calls this has seen that the caller is that person, or the operator.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/ports/person_store.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace librebird {

// An archive that was made; it goes when this does.
class PersonFile {
 public:
  virtual ~PersonFile() = default;
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  // The next piece; empty at the end.
  virtual Task<Result<std::string>> read() = 0;
};

// What of an export was brought in, or would be.
struct BroughtReport {
  std::vector<std::pair<std::string, BroughtRows>> tables;  // those that have rows
  BroughtRows files;                                        // what skills and tools kept
  std::int64_t bytes = 0;                                   // of messages and files that were added
};

// One object, as the REST API and `--json` show it.
[[nodiscard]] std::string to_json(const BroughtReport& report, bool dry_run);

// Asked with BroughtReport::bytes when all was looked at, before the first is added; its error is the answer.
using MayBring = std::function<Task<Status>(std::int64_t bytes)>;

// An archive that arrives; it goes when this does.
class PersonUpload {
 public:
  virtual ~PersonUpload() = default;
  // too_large; unavailable: the disk is full.
  virtual Task<Status> write(std::string bytes) = 0;
  // PersonKeeper::bring() with what was written.
  virtual Task<Result<BroughtReport>> bring(bool dry_run, MayBring may) = 0;
};

class PersonKeeper {
 public:
  virtual ~PersonKeeper() = default;
  // resource_exhausted: others are being made; not_found.
  virtual Task<Result<std::unique_ptr<PersonFile>>> take_along(std::string user_id) = 0;
  // Brings what take_along() gave, here or elsewhere, into the principal's workspace as his own. Everything is read and
  // checked before anything is added; what is interrupted is done again, and adds the rest. `file` is a path that stays
  // whose it is. Errors: invalid_argument (no export, damaged, altered), failed_precondition (newer), too_large,
  // resource_exhausted (others are at it).
  virtual Task<Result<BroughtReport>> bring(Principal principal, std::string file, bool dry_run, MayBring may = {}) = 0;
  // For an archive that comes piece by piece. resource_exhausted: this user sends one already, or too many others do.
  virtual Result<std::unique_ptr<PersonUpload>> receive(Principal principal) = 0;
  // The account is disabled first, so that what is interrupted can be asked for again by the operator. Answers where
  // the person was. Errors: those of PersonStore::may_erase().
  virtual Task<Result<PersonScope>> erase(std::string user_id) = 0;
};

}  // namespace librebird
