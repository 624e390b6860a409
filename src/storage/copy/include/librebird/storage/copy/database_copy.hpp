#pragma once

// Copies everything from one database to another. Private to src/storage. Call it on the loop.
//
// The target has the same schema version and holds nothing, or what an earlier copy of the same source that was cut off
// left: that is completed. Nobody writes to either meanwhile, unless the source is a snapshot; if
// somebody does, the comparison at the end tells. `replace`: what the target holds is deleted first.
// Errors: failed_precondition (the target holds something else; neither side is SQLite), those of both databases.

#include <librebird/core/ports/database_move.hpp>
#include <librebird/storage/sql/database.hpp>
#include <librebird/storage/sql/migrator.hpp>

#include <functional>

namespace librebird::storage {

struct CopySide {
  Database& database;
  Dialect dialect;
};

Task<Result<MoveReport>> copy_database(CopySide from, CopySide to, bool replace,
                                       std::function<void(const MoveProgress&)> progress);

}  // namespace librebird::storage
