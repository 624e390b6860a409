#include <librebird/core/model/scope.hpp>

#include <array>
#include <utility>

namespace librebird {
namespace {

constexpr std::array<std::pair<KeyScope, std::string_view>, 5> kScopes{{{KeyScope::read, "read"},
                                                                        {KeyScope::chat, "chat"},
                                                                        {KeyScope::tools, "tools"},
                                                                        {KeyScope::admin, "admin"},
                                                                        {KeyScope::account, "account"}}};
constexpr std::array<KeyScope, 4> kOfApiKeys{KeyScope::read, KeyScope::chat, KeyScope::tools, KeyScope::admin};

}  // namespace

std::string_view to_string(KeyScope scope) {
  for (const auto& [known, name] : kScopes) {
    if (known == scope) return name;
  }
  return "";
}

std::optional<KeyScope> scope_from_string(std::string_view name) {
  for (const auto& [scope, known] : kScopes) {
    if (known == name) return scope;
  }
  return std::nullopt;
}

std::span<const KeyScope> api_key_scopes() { return kOfApiKeys; }

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
