#include "audit_chain.hpp"
#include "codec.hpp"
#include "factories.hpp"
#include "rows.hpp"
#include "secret_rows.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace librebird::storage {
namespace {

constexpr std::size_t kLongestName = 128;
constexpr std::string_view kUserScope = "user/";

Status check_name(std::string_view text, std::string_view what) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && std::strchr("._-/:@+", c) != nullptr);
  };
  if (!text.empty() && text.size() <= kLongestName && std::ranges::all_of(text, fits)) return Ok{};
  return {Code::invalid_argument,
          fmt::format("The secret's {} has 1 to {} letters, digits or ._-/:@+ characters.", what, kLongestName)};
}

Status check_value(std::string_view value) {
  if (value.size() < kMinSecretBytes || value.size() > kMaxSecretBytes) {
    return {Code::invalid_argument,
            fmt::format("A secret has {} to {} bytes: shorter ones cannot be kept out of what tools write.",
                        kMinSecretBytes, kMaxSecretBytes)};
  }
  if (!is_utf8(value) || value.find('\0') != std::string_view::npos) {
    return {Code::invalid_argument, "A secret is text (UTF-8): encode binary data, for instance as base64."};
  }
  return Ok{};
}

void wipe(std::string& text) {
  if (!text.empty()) ::explicit_bzero(text.data(), text.size());
}

SealedSecret place(const Principal& principal, std::string scope, std::string name) {
  const bool own = scope.starts_with(kUserScope);
  return {principal.workspace_id, own ? principal.user_id : std::string(), std::move(scope), std::move(name), {}};
}

Error unknown_secret() {
  return make_error(Code::not_found,
                    "There is no secret with this name: `librebird secret list` shows those there are.");
}

class SqlSecretStore final : public SecretStore {
 public:
  explicit SqlSecretStore(Context context) : context_(context) {}

  Task<Status> put(Principal principal, std::string scope, std::string name, std::string value) override {
    LB_CO_CHECK(check_name(scope, "scope"));
    LB_CO_CHECK(check_name(name, "name"));
    if (Status fits = check_value(value); !fits) co_return fits.error();
    const SealedSecret row = place(principal, std::move(scope), std::move(name));
    auto work = [&](Connection& db) -> Status { return put_row(db, principal, row, value); };
    Status done = co_await context_.database.write(as(principal), work);
    wipe(value);
    co_return done;
  }

  Task<Result<std::string>> get(Principal principal, std::string scope, std::string name) override {
    const SealedSecret row = place(principal, std::move(scope), std::move(name));
    auto work = [&](Connection& db) -> Result<std::string> {
      LB_TRY(found, db.one("SELECT workspace_id, user_id, scope, name, value FROM secrets WHERE workspace_id = $1 AND "
                           "user_id = $2 AND scope = $3 AND name = $4",
                           sealed_row, row.workspace_id, row.user_id, row.scope, row.name));
      if (!found) return unknown_secret();
      return opened(db, *found);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::vector<SecretInfo>>> list(Principal principal) override {
    auto work = [&](Connection& db) {
      auto info = [](const Row& row) {
        return SecretInfo{row.string(0), row.string(1), row.integer(2), row.integer(3)};
      };
      return db.all(
          "SELECT scope, name, created_at, updated_at FROM secrets WHERE workspace_id = $1 AND user_id IN ('', "
          "$2) ORDER BY scope, name",
          info, principal.workspace_id, principal.user_id);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Status> remove(Principal principal, std::string scope, std::string name) override {
    const SealedSecret row = place(principal, std::move(scope), std::move(name));
    auto work = [&](Connection& db) -> Status { return remove_row(db, principal, row); };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<bool>> replace(Principal principal, std::string scope, std::string name, std::string expected,
                             std::optional<std::string> value) override {
    if (value) LB_CO_CHECK(check_value(*value));
    const SealedSecret row = place(principal, std::move(scope), std::move(name));
    auto work = [&](Connection& db) -> Result<bool> { return replace_row(db, principal, row, expected, value); };
    auto done = co_await context_.database.write(as(principal), work);
    wipe(expected);
    if (value) wipe(*value);
    co_return done;
  }

  Task<Status> forget(Principal principal, std::string scope) override {
    const std::string own = std::string(kUserScope) + scope;
    auto work = [&](Connection& db) -> Status {
      LB_TRY(removed, db.execute("DELETE FROM secrets WHERE workspace_id = $1 AND ((user_id = '' AND scope = $2) OR "
                                 "(user_id <> '' AND scope = $3))",
                                 principal.workspace_id, scope, own));
      if (removed == 0) return Ok{};
      return changed(db, principal, {principal.workspace_id, {}, scope, "*", {}},
                     fmt::format("removed, everybody's: {}", removed));
    };
    // Other people's too: row security lets no single person do that.
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::int64_t>> revision(Principal principal) override {
    auto work = [&](Connection& db) -> Result<std::int64_t> {
      auto number = [](const Row& row) { return row.integer(0); };
      LB_TRY(found,
             db.one("SELECT revision FROM secret_revisions WHERE workspace_id = $1", number, principal.workspace_id));
      return found.value_or(0);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::shared_ptr<const SecretSet>>> reveal(Principal principal) override {
    auto work = [&](Connection& db) -> Result<std::shared_ptr<const SecretSet>> {
      LB_TRY(rows, db.all("SELECT workspace_id, user_id, scope, name, value FROM secrets WHERE workspace_id = $1 AND "
                          "user_id IN ('', $2) ORDER BY scope, name",
                          sealed_row, principal.workspace_id, principal.user_id));
      auto set = std::make_shared<SecretSet>();
      set->secrets.reserve(rows.size());
      for (const SealedSecret& row : rows) {
        auto value = opened(db, row);
        // A value nobody can open is in no text either.
        if (!value && value.error().code == Code::data_loss) {
          log::warn("a secret was tampered with", {{"scope", row.scope}, {"name", row.name}});
          continue;
        }
        LB_CHECK(value);
        set->secrets.push_back({row.scope, row.name, *value});
        wipe(*value);
      }
      return std::shared_ptr<const SecretSet>(std::move(set));
    };
    co_return co_await context_.database.read(as(principal), work);
  }

 private:
  [[nodiscard]] Result<std::string> opened(Connection& db, const SealedSecret& row) const {
    LB_TRY(key, sealing_key(db, context_.audit));
    if (key.empty()) return {Code::failed_precondition, "Secrets need a master key, and this program was given none."};
    return context_.audit.keys->unseal(row.value, place_of(row));
  }

  Status remove_row(Connection& db, const Principal& principal, const SealedSecret& row) {
    LB_TRY(removed, db.execute("DELETE FROM secrets WHERE workspace_id = $1 AND user_id = $2 AND scope = $3 AND name = "
                               "$4",
                               row.workspace_id, row.user_id, row.scope, row.name));
    if (removed == 0) return unknown_secret();
    return changed(db, principal, row, "removed");
  }

  // What a write has read is still so when it commits.
  Result<bool> replace_row(Connection& db, const Principal& principal, const SealedSecret& row,
                           const std::string& expected, const std::optional<std::string>& value) {
    LB_TRY(found, db.one("SELECT workspace_id, user_id, scope, name, value FROM secrets WHERE workspace_id = $1 AND "
                         "user_id = $2 AND scope = $3 AND name = $4",
                         sealed_row, row.workspace_id, row.user_id, row.scope, row.name));
    if (!found) return false;
    LB_TRY(before, opened(db, *found));
    const bool same = before == expected;
    wipe(before);
    if (!same) return false;
    LB_CHECK(value ? put_row(db, principal, row, *value) : remove_row(db, principal, row));
    return true;
  }

  Status put_row(Connection& db, const Principal& principal, const SealedSecret& row, const std::string& value) {
    LB_TRY(key, sealing_key(db, context_.audit));
    if (key.empty()) return {Code::failed_precondition, "Secrets need a master key, and this program was given none."};
    auto number = [](const Row& r) { return r.integer(0); };
    LB_TRY(others,
           db.one("SELECT COALESCE(SUM(bytes), 0) FROM secrets WHERE workspace_id = $1 AND NOT (user_id = $2 AND "
                  "scope = $3 AND name = $4)",
                  number, row.workspace_id, row.user_id, row.scope, row.name));
    const auto size = static_cast<std::int64_t>(value.size());
    if (others.value_or(0) + size > static_cast<std::int64_t>(kMaxSecretBytesOfWorkspace)) {
      return {Code::resource_exhausted,
              fmt::format("The workspace's secrets may have {} KiB together: remove some first.",
                          kMaxSecretBytesOfWorkspace / 1024)};
    }
    LB_TRY(sealed, context_.audit.keys->seal(key, value, place_of(row)));
    const UnixMillis now = context_.clock.unix_now();
    LB_TRY(updated, db.execute("UPDATE secrets SET value = $5, bytes = $6, updated_at = $7 WHERE workspace_id = $1 AND "
                               "user_id = $2 AND scope = $3 AND name = $4",
                               row.workspace_id, row.user_id, row.scope, row.name, sealed, size, now));
    if (updated == 0) {
      LB_CHECK(
          db.execute("INSERT INTO secrets (workspace_id, user_id, scope, name, value, bytes, created_at, updated_at) "
                     "VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
                     row.workspace_id, row.user_id, row.scope, row.name, sealed, size, now));
    }
    return changed(db, principal, row, updated == 0 ? "set" : "changed");
  }

  Status changed(Connection& db, const Principal& principal, const SealedSecret& row, std::string_view what) {
    LB_CHECK(
        db.execute("INSERT INTO secret_revisions (workspace_id, revision) VALUES ($1, 1) ON CONFLICT (workspace_id) "
                   "DO UPDATE SET revision = secret_revisions.revision + 1",
                   row.workspace_id));
    AuditEvent event;
    event.kind = AuditKind::secret;
    event.principal = principal;
    event.subject = row.scope + " " + row.name;
    event.detail = what;
    return append_audit(db, context_.audit, event);
  }

  Context context_;
};

}  // namespace

std::unique_ptr<SecretStore> make_secret_store(Context context) { return std::make_unique<SqlSecretStore>(context); }

}  // namespace librebird::storage
