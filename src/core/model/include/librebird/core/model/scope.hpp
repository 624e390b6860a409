#pragma once

// What a credential is good for, beside what its owner's role allows. A browser's session and a signed-in client have
// every scope; an API key has those it was made with, and never `account`. A value; no thread rule.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace librebird {

enum class KeyScope : std::uint8_t {
  read,     // see conversations, messages, turns, and follow them live
  chat,     // send, edit and cancel; change conversations
  tools,    // see and call tools, answer their questions
  admin,    // change what the workspace has: skills, members, limits
  account,  // the person's own account: password, second factor, sessions, API keys
};

[[nodiscard]] std::string_view to_string(KeyScope scope);
[[nodiscard]] std::optional<KeyScope> scope_from_string(std::string_view name);
// The scopes an API key may have.
[[nodiscard]] std::span<const KeyScope> api_key_scopes();

class ScopeSet {
 public:
  constexpr ScopeSet() = default;
  constexpr ScopeSet(std::initializer_list<KeyScope> scopes) {
    for (const KeyScope scope : scopes) add(scope);
  }
  [[nodiscard]] static constexpr ScopeSet all() {
    return {KeyScope::read, KeyScope::chat, KeyScope::tools, KeyScope::admin, KeyScope::account};
  }
  constexpr void add(KeyScope scope) { bits_ |= bit(scope); }
  [[nodiscard]] constexpr bool has(KeyScope scope) const { return (bits_ & bit(scope)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }

  friend bool operator==(const ScopeSet&, const ScopeSet&) = default;

 private:
  static constexpr std::uint8_t bit(KeyScope scope) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(scope));
  }
  std::uint8_t bits_ = 0;
};

// Names separated by spaces, as stored. Unknown names are left out: a scope nobody knows allows nothing.
[[nodiscard]] std::string to_string(const ScopeSet& scopes);
[[nodiscard]] ScopeSet scopes_from_string(std::string_view text);

}  // namespace librebird
