#include <librebird/cli/commands.hpp>

#include "terminal.hpp"

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

#include <cstring>

namespace librebird::cli {

Task<int> set_secret(Operator op, std::string scope, std::string name) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  auto value =
      read_secret(fmt::format("Value of {} {} (not shown)", printable(scope), printable(name)), kMaxSecretBytes);
  if (!value) co_return fail(value.error());
  const auto done = co_await op.secrets.put(*owner, scope, name, *value);
  ::explicit_bzero(value->data(), value->size());
  if (!done) co_return fail(done.error());
  fmt::print(stderr, "{} {} is set.\n", scope, name);
  co_return 0;
}

Task<int> list_secrets(Operator op, bool json) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto secrets = co_await op.secrets.list(*owner);
  if (!secrets) co_return fail(secrets.error());
  for (const SecretInfo& secret : *secrets) {
    if (json) {
      JsonWriter line;
      line.begin_object().field("scope", secret.scope).field("name", secret.name);
      line.field("created_at", to_rfc3339(secret.created_at)).field("updated_at", to_rfc3339(secret.updated_at));
      line.end_object();
      fmt::print("{}\n", line.text());
    } else {
      fmt::print("{} {}  changed {}\n", secret.scope, secret.name, to_rfc3339(secret.updated_at));
    }
  }
  co_return 0;
}

Task<int> remove_secret(Operator op, std::string scope, std::string name) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto removed = co_await op.secrets.remove(*owner, std::move(scope), std::move(name));
  co_return removed ? 0 : fail(removed.error());
}

}  // namespace librebird::cli
