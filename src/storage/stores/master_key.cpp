#include "master_key.hpp"

#include "account_rows.hpp"
#include "audit_chain.hpp"
#include "secret_rows.hpp"

#include <librebird/base/log.hpp>

#include <fmt/format.h>

#include <cstring>

namespace librebird::storage {
namespace {

std::string text_of(const Row& row) { return row.string(0); }

Result<std::optional<std::string>> noted_key(Connection& db) {
  return db.one("SELECT key_id FROM master_key WHERE id = 1", text_of);
}

Status first_key(Connection& db, const AuditParts& parts) {
  LB_TRY(noted, noted_key(db));
  if (noted) return Ok{};  // another process was quicker
  auto number = [](const Row& row) { return row.integer(0); };
  LB_TRY(sealed, db.one("SELECT COUNT(*) FROM audit_heads WHERE key_id <> ''", number));
  if (sealed.value_or(0) > 0) {
    return {Code::data_loss,
            "The database does not say any more which master key it is sealed under: somebody altered it, restore it "
            "from a backup. `librebird secret rotate-key --lost-key` goes on with what is there."};
  }
  LB_CHECK(parts.keys->create());
  const std::string key = parts.keys->ids().front();
  LB_CHECK(db.execute("INSERT INTO master_key (id, key_id, chains, seal) VALUES (1, $1, 0, '')", key));
  LB_CHECK(seal_chains(db, parts, key, true));
  return note_in_all_chains(db, parts, "from here on the chain's end is sealed under the master key " + key);
}

Status forget(Connection& db, const AuditParts& parts) {
  LB_CHECK(parts.keys->create());
  const std::string key = parts.keys->ids().front();
  auto number = [](const Row& row) { return row.integer(0); };
  LB_TRY(count, db.one("SELECT COUNT(*) FROM secrets", number));
  LB_CHECK(db.execute("DELETE FROM secrets"));
  LB_CHECK(db.execute("UPDATE secret_revisions SET revision = revision + 1"));
  // Access tokens are signed anew; of second factors the recovery codes are left.
  LB_CHECK(db.execute("DELETE FROM server_keys"));
  LB_CHECK(db.execute("UPDATE users SET totp_secret = '' WHERE totp_secret IS NOT NULL"));
  LB_CHECK(db.execute("DELETE FROM master_key"));
  LB_CHECK(db.execute("INSERT INTO master_key (id, key_id, chains, seal) VALUES (1, $1, 0, '')", key));
  LB_CHECK(seal_chains(db, parts, key, true));
  return note_in_all_chains(db, parts,
                            fmt::format("the master key was lost: {} secrets were given up, and the chain is "
                                        "sealed under {} from here on; before, only its hashes vouch for it",
                                        count.value_or(0), key));
}

}  // namespace

Status join_master_key(Connection& db, const AuditParts& parts, bool forget_lost) {
  if (parts.keys == nullptr) return Ok{};
  LB_TRY(noted, noted_key(db));
  if (noted && !parts.keys->knows(*noted)) LB_CHECK(parts.keys->reload());
  const bool known = noted && parts.keys->knows(*noted);
  if (known) return Ok{};
  if (noted && !forget_lost) {
    return {
        Code::failed_precondition,
        parts.keys->ids().empty()
            ? fmt::format("The master key is missing: {} is not there, and the database is sealed under the key {}. "
                          "Put the file back. If it is lost for good, `librebird secret rotate-key --lost-key` gives "
                          "up the stored secrets and starts with a new one.",
                          parts.keys->origin(), *noted)
            : fmt::format("The master key in {} is not the one this database is sealed under ({}). Put that key "
                          "back. If it is lost for good, `librebird secret rotate-key --lost-key` gives up the stored "
                          "secrets and starts with this one.",
                          parts.keys->origin(), *noted)};
  }
  return db.alone([&] { return forget_lost ? forget(db, parts) : first_key(db, parts); });
}

namespace {

// A value anywhere, sealed anew; nullopt: it was tampered with and stays as it is.
Result<std::optional<std::string>> sealed_anew(const AuditParts& parts, const std::string& key_id,
                                               const std::string& value, const std::string& place) {
  auto plain = parts.keys->unseal(value, place);
  if (!plain && plain.error().code == Code::data_loss) return std::optional<std::string>();
  LB_CHECK(plain);
  auto sealed = parts.keys->seal(key_id, *plain, place);
  ::explicit_bzero(plain->data(), plain->size());
  LB_CHECK(sealed);
  return std::optional<std::string>(*std::move(sealed));
}

// Second factors and the installation's own keys.
Status reseal_accounts(Connection& db, const AuditParts& parts, const std::string& key_id) {
  auto pair = [](const Row& row) { return std::pair(row.string(0), row.string(1)); };
  LB_TRY(factors, db.all("SELECT id, totp_secret FROM users WHERE totp_secret <> ''", pair));
  for (const auto& [user, value] : factors) {
    LB_TRY(sealed, sealed_anew(parts, key_id, value, place_of_totp(user)));
    if (!sealed) {
      log::warn("a second factor that was tampered with stays as it is", {{"user_id", user}});
      continue;
    }
    LB_CHECK(db.execute("UPDATE users SET totp_secret = $2 WHERE id = $1", user, *sealed));
  }
  LB_TRY(keys, db.all("SELECT name, value FROM server_keys", pair));
  for (const auto& [name, value] : keys) {
    LB_TRY(sealed, sealed_anew(parts, key_id, value, place_of_server_key(name)));
    if (!sealed) continue;
    LB_CHECK(db.execute("UPDATE server_keys SET value = $2 WHERE name = $1", name, *sealed));
  }
  return Ok{};
}

}  // namespace

Result<std::int64_t> seal_under(Connection& db, const AuditParts& parts, const std::string& key_id) {
  LB_TRY(rows, db.all("SELECT workspace_id, user_id, scope, name, value FROM secrets", sealed_row));
  std::int64_t moved = 0;
  for (const SealedSecret& row : rows) {
    LB_TRY(sealed, sealed_anew(parts, key_id, row.value, place_of(row)));
    if (!sealed) {
      log::warn("a secret that was tampered with stays as it is", {{"scope", row.scope}, {"name", row.name}});
      continue;
    }
    LB_CHECK(
        db.execute("UPDATE secrets SET value = $5 WHERE workspace_id = $1 AND user_id = $2 AND scope = $3 AND name "
                   "= $4",
                   row.workspace_id, row.user_id, row.scope, row.name, *sealed));
    ++moved;
  }
  LB_CHECK(reseal_accounts(db, parts, key_id));
  LB_CHECK(seal_chains(db, parts, key_id, false));
  LB_CHECK(note_in_all_chains(db, parts, "everything is sealed under the master key " + key_id + " from here on"));
  return moved;
}

}  // namespace librebird::storage
