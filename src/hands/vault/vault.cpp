#include <librebird/hands/vault/vault.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace librebird::vault {
namespace {

constexpr std::string_view kPlaceholderPrefix = "lbsecret-";
constexpr std::size_t kKnownLimit = 64;

std::string said_instead(std::string_view name) { return fmt::format("[secret:{}]", name); }

}  // namespace

// One stream of output: first the known values go, then what looks like one.
struct CallGuard::Tap {
  Tap(Sink to, std::shared_ptr<const Redactor> leased, std::shared_ptr<const Redactor> known)
      : sink(std::move(to)), first(std::move(leased)), second(std::move(known)) {}

  void feed(std::string_view text) { say(scanner.feed(second.feed(first.feed(text)))); }
  void finish() {
    std::string text = second.feed(first.finish());
    text += second.finish();
    std::string out = scanner.feed(text);
    out += scanner.finish();
    say(out);
  }
  void say(const std::string& text) {
    if (!text.empty() && sink) sink(text);
  }

  Sink sink;
  Redactor::Stream first;
  Redactor::Stream second;
  LeakScanner::Stream scanner;
};

CallGuard::CallGuard(std::shared_ptr<const Redactor> known, const std::vector<SecretLease>& leases)
    : known_(std::move(known)) {
  std::vector<KnownValue> values;
  for (const SecretLease& lease : leases) values.push_back({lease.value, said_instead(lease.name)});
  leased_ = std::make_shared<const Redactor>(values);
  for (KnownValue& known_value : values) wipe(known_value.value);
}

CallGuard::Sink CallGuard::wrap(Sink sink) {
  auto tap = std::make_shared<Tap>(std::move(sink), leased_, known_);
  taps_.push_back(tap);
  return [tap](std::string_view text) { tap->feed(text); };
}

void CallGuard::finish_output() {
  for (const auto& tap : taps_) {
    tap->finish();
    redacted_ += tap->first.found() + tap->second.found();
    for (const Leak& leak : tap->scanner.leaks()) ++leaks_[leak.kind];
  }
  taps_.clear();
}

std::string CallGuard::result(std::string json) {
  std::size_t found = 0;
  for (const auto& redactor : {leased_, known_}) {
    json = redactor->redact_json(json, &found);
    redacted_ += found;
  }
  LeakScan scan = LeakScanner::scan_json(json);
  for (const Leak& leak : scan.leaks) ++leaks_[leak.kind];
  return std::move(scan.masked);
}

std::string CallGuard::text(std::string text) {
  std::size_t found = 0;
  for (const auto& redactor : {leased_, known_}) {
    text = redactor->redact(text, &found);
    redacted_ += found;
  }
  LeakScan scan = LeakScanner::scan(text);
  for (const Leak& leak : scan.leaks) ++leaks_[leak.kind];
  return std::move(scan.masked);
}

std::optional<WatchFinding> Watch::look() {
  const bool known = known_.seen() > known_before_;
  const bool shape = shapes_.leaks().size() > shapes_before_;
  known_before_ = known_.seen();
  shapes_before_ = shapes_.leaks().size();
  if (known) return WatchFinding{"a stored secret", true};
  if (shape) return WatchFinding{std::string(shapes_.leaks().back().kind), false};
  return std::nullopt;
}

std::optional<WatchFinding> Watch::feed(std::string_view piece) {
  (void)known_.feed(piece);
  (void)shapes_.feed(piece);
  return look();
}

std::optional<WatchFinding> Watch::finish() {
  (void)known_.finish();
  (void)shapes_.finish();
  return look();
}

std::string CallGuard::report() const {
  std::vector<std::string> parts;
  if (redacted_ > 0) parts.push_back(fmt::format("known secrets kept back: {}", redacted_));
  for (const auto& [kind, count] : leaks_) parts.push_back(fmt::format("{} kept back: {}", kind, count));
  return fmt::format("{}", fmt::join(parts, "; "));
}

Task<Result<std::vector<SecretLease>>> Vault::lease(Principal principal, std::string scope,
                                                    std::vector<WantedSecret> wanted) {
  std::vector<SecretLease> leases;
  for (WantedSecret& want : wanted) {
    auto value = co_await secrets_.get(principal, "user/" + scope, want.name);
    if (!value && value.error().code == Code::not_found) value = co_await secrets_.get(principal, scope, want.name);
    if (!value && value.error().code == Code::not_found) {
      if (!want.required) continue;
      co_return make_error(Code::failed_precondition,
                           fmt::format("The secret {} of {} is not set: an administrator sets it with `librebird "
                                       "secret set {} {}`.",
                                       want.name, scope, scope, want.name));
    }
    if (!value) co_return std::move(value).error();
    std::string placeholder = std::string(kPlaceholderPrefix) + random_token(random_, 24);
    leases.emplace_back(std::move(want.name), std::move(placeholder), *value, std::move(want.hosts));
    wipe(*value);
  }
  co_return leases;
}

Task<Result<std::shared_ptr<CallGuard>>> Vault::guard(Principal principal, const std::vector<SecretLease>& leases) {
  LB_CO_TRY(revision, co_await secrets_.revision(principal));
  const std::string key = principal.workspace_id + "/" + principal.user_id;
  auto known = known_.find(key);
  if (known == known_.end() || known->second.revision != revision) {
    LB_CO_TRY(set, co_await secrets_.reveal(principal));
    std::vector<KnownValue> values;
    for (const Secret& secret : set->secrets) values.push_back({secret.value, said_instead(secret.name)});
    auto redactor = std::make_shared<const Redactor>(values);
    for (KnownValue& value : values) wipe(value.value);
    if (known_.size() >= kKnownLimit) known_.clear();
    known = known_.insert_or_assign(key, Known{revision, std::move(redactor)}).first;
  }
  co_return std::make_shared<CallGuard>(known->second.redactor, leases);
}

}  // namespace librebird::vault
