#pragma once

// Takes a message: its row and its turn, in one transaction. Private; inside database work.

#include <librebird/core/ports/stores.hpp>
#include <librebird/storage/sql/database.hpp>

#include <string>

namespace librebird::storage {

struct Acceptable {
  const Principal& principal;
  const AcceptMessage& input;  // of clean text
  const std::string& message_id;  // of the new rows
  const std::string& turn_id;
  UnixMillis now = 0;
};
// Errors: those of TurnStore::accept().
Result<Accepted> accept_message(Connection& db, const Acceptable& message);

}  // namespace librebird::storage
