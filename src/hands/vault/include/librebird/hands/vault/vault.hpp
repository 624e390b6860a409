#pragma once

// Secrets for tool calls: leases for what a call may use, and the guard that keeps every secret of the principal, and
// whatever looks like one, out of what the call says.
//
//   LB_CO_TRY(leases, co_await vault.lease(principal, "skill/weather", {{"api_key", {"api.weather.com"}}}));
//   LB_CO_TRY(guard, co_await vault.guard(principal, leases));
//   on_output = guard->wrap(std::move(on_output));   // and finish_output() when the call has ended
//   outcome.content_json = guard->result(std::move(outcome.content_json));
//
// Thread rule: loop only. Ownership: the store and the random source outlive the vault; leases and guards may outlive
// it. Errors are the store's.

#include <librebird/base/async/task.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/secret_store.hpp>
#include <librebird/hands/vault/leak_scanner.hpp>
#include <librebird/hands/vault/lease.hpp>
#include <librebird/hands/vault/redactor.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace librebird::vault {

// A secret setting of a skill, as its manifest declares it.
struct WantedSecret {
  std::string name;
  std::vector<std::string> hosts;
  bool required = false;
};

struct WatchFinding {
  std::string name;    // "a stored secret", "github_token"; never the text
  bool known = false;  // one of the principal's secrets; otherwise it only looks like one
};

// Looks at text that goes by and only tells; for traffic, which is refused or marked but not rewritten.
class Watch {
 public:
  explicit Watch(std::shared_ptr<const Redactor> known) : known_(std::move(known)) {}
  // The next piece; what came to light with it.
  std::optional<WatchFinding> feed(std::string_view piece);
  // What only the end could tell.
  std::optional<WatchFinding> finish();

 private:
  std::optional<WatchFinding> look();
  Redactor::Stream known_;
  LeakScanner::Stream shapes_;
  std::size_t known_before_ = 0;
  std::size_t shapes_before_ = 0;
};

// Watches over what one call says.
class CallGuard {
 public:
  using Sink = std::function<void(std::string_view text)>;

  CallGuard(std::shared_ptr<const Redactor> known, const std::vector<SecretLease>& leases);
  // Streams through the redactor and the leak scanner. The guard outlives the returned sink.
  [[nodiscard]] Sink wrap(Sink sink);
  // Says what wrap() held back; when the call has ended, before its result.
  void finish_output();
  // Of a JSON result.
  [[nodiscard]] std::string result(std::string json);
  // Of any text: error texts, details for the audit log, progress messages.
  [[nodiscard]] std::string text(std::string text);
  // For a stream beside the call's own words. The principal's secrets, leased or not, are known to it.
  [[nodiscard]] std::unique_ptr<Watch> watch() const { return std::make_unique<Watch>(known_); }
  // What was kept back, for the audit row: "2 secrets redacted; github_token, private_key removed"; empty: nothing.
  [[nodiscard]] std::string report() const;

 private:
  struct Tap;
  std::shared_ptr<const Redactor> known_;
  std::shared_ptr<const Redactor> leased_;
  std::vector<std::shared_ptr<Tap>> taps_;
  std::size_t redacted_ = 0;
  std::map<std::string_view, std::size_t> leaks_;
};

class Vault {
 public:
  Vault(SecretStore& secrets, Random& random) : secrets_(secrets), random_(random) {}

  // One lease for each secret that is set. failed_precondition: a required one is not; says how to set it.
  // A user's own value ("user/" + scope) goes before the workspace's.
  Task<Result<std::vector<SecretLease>>> lease(Principal principal, std::string scope,
                                               std::vector<WantedSecret> wanted);
  Task<Result<std::shared_ptr<CallGuard>>> guard(Principal principal, const std::vector<SecretLease>& leases);

 private:
  struct Known {
    std::int64_t revision = -1;
    std::shared_ptr<const Redactor> redactor;
  };
  SecretStore& secrets_;
  Random& random_;
  std::map<std::string, Known> known_;  // by workspace and user; the few latest
};

}  // namespace librebird::vault
