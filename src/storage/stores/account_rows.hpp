#pragma once

// What the stores of accounts and of credentials share. Private; inside a write transaction.

#include <librebird/core/audit/chain.hpp>
#include <librebird/storage/sql/database.hpp>

#include <string>
#include <string_view>

namespace librebird::storage {

// Ends every session of the user but `keep` (may be empty). Answers the new epoch; not_found: no such user.
Result<std::int64_t> raise_epoch(Connection& db, std::string_view user_id, std::string_view keep);

// What ties a sealed value to its row.
inline std::string place_of_totp(std::string_view user_id) {
  std::string text;
  append_netstring(text, "librebird-totp-v1");
  append_netstring(text, user_id);
  return text;
}
inline std::string place_of_server_key(std::string_view name) {
  std::string text;
  append_netstring(text, "librebird-server-key-v1");
  append_netstring(text, name);
  return text;
}

}  // namespace librebird::storage
