#pragma once

// Passwords: which ones are taken, and how they are kept (bcrypt, "$2b$").
//
// Thread rule: the rules are pure; a PasswordHasher is used on the loop and works on threads of its own, so few at a
// time and with so short a queue that no crowd of sign-ins keeps the process from its other work. Ownership: borrows
// the randomness. Passwords are overwritten after use where they are ours.

#include <librebird/base/async/pool.hpp>
#include <librebird/base/random.hpp>
#include <librebird/base/result.hpp>

#include <atomic>
#include <span>
#include <string>
#include <string_view>

namespace librebird {

inline constexpr std::size_t kLeastPasswordCharacters = 10;
inline constexpr std::size_t kMostPasswordBytes = 72;  // bcrypt would ignore what follows: refused instead

// The password as it is hashed: Unicode's composed form, so that the same letters typed on another machine are the same
// password. invalid_argument: too long, not UTF-8, or with NUL.
[[nodiscard]] Result<std::string> normal_password(std::string_view password);

// For a new password: long enough, not among those that are tried first, and not made of `personal` words (e-mail
// address, name, the site's name). Answers its normal form. invalid_argument says what is wrong.
[[nodiscard]] Result<std::string> check_new_password(std::string_view password, std::span<const std::string> personal);

class PasswordHasher {
 public:
  static constexpr int kLeastCost = 4;  // tests
  static constexpr int kUsualCost = 12;
  static constexpr int kMostCost = 16;

  PasswordHasher(Random& random, int cost);
  ~PasswordHasher();
  PasswordHasher(const PasswordHasher&) = delete;
  PasswordHasher& operator=(const PasswordHasher&) = delete;

  // resource_exhausted: too many wait already.
  Task<Result<std::string>> hash(std::string password);
  // Whether the password is that of `stored`; with `stored` empty never, after the same time.
  Task<Result<bool>> verify(std::string password, std::string stored);
  // Made at another cost than this one's: hash it anew while the password is at hand.
  [[nodiscard]] bool outdated(std::string_view stored) const;

 private:
  template <class F>
  Task<Result<std::string>> run(F work);

  Random& random_;
  int cost_;
  std::atomic<bool> closing_{false};
  Pool pool_;
};

}  // namespace librebird
