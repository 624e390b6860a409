#pragma once

// Makes the importer of core/ports/legacy_import.hpp on a database. Private to src/storage.

#include <librebird/base/clock.hpp>
#include <librebird/core/ports/legacy_import.hpp>
#include <librebird/core/ports/secret_store.hpp>
#include <librebird/storage/sql/database.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace librebird::storage {

// All of it outlives the importer.
struct LegacyParts {
  Database& database;
  const Clock& clock;
  SecretStore& secrets;
  // Saves our own database to a new file. Empty: this engine is saved from outside.
  std::function<Status(const std::string& file)> backup;
  // Makes some of what was imported searchable; what to call it with next, 0: all is.
  std::function<Result<std::int64_t>(Connection&, std::int64_t after)> index;
};

std::unique_ptr<LegacyImporter> make_legacy_importer(LegacyParts parts);

}  // namespace librebird::storage
