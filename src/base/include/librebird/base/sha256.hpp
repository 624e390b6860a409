#pragma once

// SHA-256 of what comes in pieces; sha256_hex() of random.hpp is for a text at hand. A value that moves; one thread.

#include <memory>
#include <string>
#include <string_view>

namespace librebird {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view piece);
  // Lower-case hex; begins anew.
  [[nodiscard]] std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace librebird
