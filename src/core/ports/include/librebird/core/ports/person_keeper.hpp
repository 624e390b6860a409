#pragma once

// Port: takes a person along, or erases one, rows and files together (docs/export.md). Thread rule: loop only.
// Whoever calls this has seen that the caller is that person, or the operator.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/ports/person_store.hpp>

#include <cstdint>
#include <memory>
#include <string>
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

class PersonKeeper {
 public:
  virtual ~PersonKeeper() = default;
  // resource_exhausted: others are being made; not_found.
  virtual Task<Result<std::unique_ptr<PersonFile>>> take_along(std::string user_id) = 0;
  // The account is disabled first, so that what is interrupted can be asked for again by the operator. Answers where
  // the person was. Errors: those of PersonStore::may_erase().
  virtual Task<Result<PersonScope>> erase(std::string user_id) = 0;
};

}  // namespace librebird
