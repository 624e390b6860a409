#include <librebird/base/random.hpp>

#include <algorithm>

#include "account_rows.hpp"
#include "factories.hpp"
#include "rows.hpp"

namespace librebird::storage {
namespace {

constexpr std::size_t kMostLinks = 20;

struct LinkRow {
  IdentityLink link;
  std::string subject;
};

// Provider and subject are the key; a name for both that tells nothing.
LinkRow link_row(const Row& row) {
  const std::string issuer = row.string(0);
  const std::string subject = row.string(1);
  return {{sha256_hex(issuer + "\n" + subject).substr(0, 32), issuer, row.integer(2)}, subject};
}

Result<std::vector<LinkRow>> links_of(Connection& db, std::string_view user_id) {
  return db.all(
      "SELECT issuer, subject, created_at FROM external_identities WHERE user_id = $1 ORDER BY created_at, issuer, "
      "subject",
      link_row, user_id);
}

class SqlIdentityLinkStore final : public IdentityLinkStore {
 public:
  explicit SqlIdentityLinkStore(Context context) : context_(context) {}

  Task<Result<std::vector<IdentityLink>>> list(Principal principal) override {
    auto work = [&](Connection& db) { return links_of(db, principal.user_id); };
    LB_CO_TRY(rows, co_await context_.database.read(as(principal), work));
    std::vector<IdentityLink> out;
    for (LinkRow& row : rows) out.push_back(std::move(row.link));
    co_return out;
  }

  Task<Status> link(Principal principal, ExternalIdentity identity) override {
    // As the service: another's link must be seen to be refused.
    auto work = [&](Connection& db) { return add(db, principal, identity); };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> unlink(Principal principal, std::string id) override {
    auto work = [&](Connection& db) { return remove(db, principal, id); };
    co_return co_await context_.database.write(as(principal), work);
  }

 private:
  Status add(Connection& db, const Principal& principal, const ExternalIdentity& identity) {
    auto text = [](const Row& row) { return row.string(0); };
    LB_TRY(owner, db.one("SELECT user_id FROM external_identities WHERE issuer = $1 AND subject = $2", text,
                         identity.issuer, identity.subject));
    if (owner && *owner == principal.user_id) return Ok{};
    if (owner) {
      return {Code::already_exists, "This identity is linked with another account here: unlink it there first."};
    }
    LB_TRY(present, links_of(db, principal.user_id));
    if (present.size() >= kMostLinks) {
      return {Code::resource_exhausted, "An account is linked with twenty identities at most: unlink one first."};
    }
    LB_CHECK(
        db.execute("INSERT INTO external_identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)",
                   identity.issuer, identity.subject, principal.user_id, context_.clock.unix_now()));
    return log_account(db, context_.audit, principal, "external identity", "linked with " + identity.issuer);
  }

  Status remove(Connection& db, const Principal& principal, const std::string& id) {
    LB_TRY(present, links_of(db, principal.user_id));
    const auto at = std::ranges::find_if(present, [&](const LinkRow& row) { return row.link.id == id; });
    if (at == present.end()) return not_found("linked identity");
    LB_TRY(who, account_of(db, principal.user_id));
    if (present.size() == 1 && !who.account.has_password) {
      return {Code::failed_precondition,
              "This is the only way into the account: set a password or link another identity first."};
    }
    LB_CHECK(db.execute("DELETE FROM external_identities WHERE issuer = $1 AND subject = $2 AND user_id = $3",
                        at->link.issuer, at->subject, principal.user_id));
    return log_account(db, context_.audit, principal, "external identity", "unlinked from " + at->link.issuer);
  }

  Context context_;
};

}  // namespace

std::unique_ptr<IdentityLinkStore> make_identity_link_store(Context context) {
  return std::make_unique<SqlIdentityLinkStore>(context);
}

}  // namespace librebird::storage
