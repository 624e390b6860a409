#include <librebird/core/model/scope.hpp>

#include <array>
#include <utility>

namespace librebird {
namespace {

constexpr std::array<std::pair<Scope, std::string_view>, 5> kScopes{{{Scope::read, "read"},
                                                                     {Scope::chat, "chat"},
                                                                     {Scope::tools, "tools"},
                                                                     {Scope::admin, "admin"},
                                                                     {Scope::account, "account"}}};
constexpr std::array<Scope, 4> kOfApiKeys{Scope::read, Scope::chat, Scope::tools, Scope::admin};

}  // namespace

std::string_view to_string(Scope scope) {
  for (const auto& [known, name] : kScopes) {
    if (known == scope) return name;
  }
  return "";
}

std::optional<Scope> scope_from_string(std::string_view name) {
  for (const auto& [scope, known] : kScopes) {
    if (known == name) return scope;
  }
  return std::nullopt;
}

std::span<const Scope> api_key_scopes() { return kOfApiKeys; }

std::string to_string(const ScopeSet& scopes) {
  std::string out;
  for (const auto& [scope, name] : kScopes) {
    if (!scopes.has(scope)) continue;
    if (!out.empty()) out += ' ';
    out += name;
  }
  return out;
}

ScopeSet scopes_from_string(std::string_view text) {
  ScopeSet out;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    if (const auto scope = scope_from_string(text.substr(0, end))) out.add(*scope);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

}  // namespace librebird
