#pragma once

// What every store is made with. All of it outlives the stores. Private.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/storage/sql/database.hpp>

#include "text_search.hpp"

namespace librebird::storage {

struct Context {
  Database& database;
  const Clock& clock;
  IdGenerator& ids;
  TextSearch& search;
};

}  // namespace librebird::storage
