#pragma once

// Randomness and ids, injected so that tests can be exact.
// Thread rule: SystemRandom is thread-safe; IdGenerator is thread-safe. SystemRandom draws from the operating
// system's generator (OpenSSL RAND_bytes) and is fit for secrets.

#include <librebird/base/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

namespace librebird {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) = 0;
};

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override;
};

// UUIDv7 (RFC 9562, section 5.7), monotonic within one generator: ids sort by creation.
class IdGenerator {
 public:
  IdGenerator(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
  [[nodiscard]] std::string next();

 private:
  const Clock& clock_;
  Random& random_;
  std::mutex mutex_;
  std::uint64_t last_millis_ = 0;
  std::uint32_t counter_ = 0;
};

// True for the 36-character lower-case form that IdGenerator makes; check every id that comes from outside.
[[nodiscard]] bool is_uuid(std::string_view text);

// A secret of `bytes` random bytes in URL-safe base64 without padding.
[[nodiscard]] std::string random_token(Random& random, std::size_t bytes = 32);
// Lower-case hex SHA-256; how tokens are stored.
[[nodiscard]] std::string sha256_hex(std::string_view text);
// Compares without telling by its duration where the texts differ.
[[nodiscard]] bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace librebird
