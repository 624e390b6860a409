#pragma once

// A sealed secret as it is stored. Private.

#include <librebird/core/audit/chain.hpp>
#include <librebird/storage/sql/database.hpp>

#include <string>

namespace librebird::storage {

struct SealedSecret {
  std::string workspace_id;
  std::string user_id;
  std::string scope;
  std::string name;
  std::string value;
};

inline SealedSecret sealed_row(const Row& row) {
  return {row.string(0), row.string(1), row.string(2), row.string(3), row.string(4)};
}

// What ties a sealed value to its row.
inline std::string place_of(const SealedSecret& secret) {
  std::string text;
  append_netstring(text, "librebird-secret-v1");
  for (const std::string* field : {&secret.workspace_id, &secret.user_id, &secret.scope, &secret.name}) {
    append_netstring(text, *field);
  }
  return text;
}

}  // namespace librebird::storage
