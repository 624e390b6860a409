#include <librebird/core/credentials/totp.hpp>

#include "encoding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace librebird {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kSecretBytes = 20;
constexpr std::size_t kRecoveryBytes = 10;
constexpr int kRecoveryCodes = 10;
constexpr std::int64_t kStepMillis = 30'000;

std::string random_bytes(Random& random, std::size_t count) {
  std::string out(count, '\0');
  random.fill(std::as_writable_bytes(std::span(out)));
  return out;
}

std::string percent(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

std::string new_totp_secret(Random& random) { return random_bytes(random, kSecretBytes); }

std::string base32(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8U) | static_cast<unsigned char>(c);
    for (count += 8; count >= 5; count -= 5) out += kBase32[(bits >> static_cast<unsigned>(count - 5)) & 31U];
  }
  if (count > 0) out += kBase32[(bits << static_cast<unsigned>(5 - count)) & 31U];
  return out;
}

std::string totp_uri(std::string_view issuer, std::string_view account, std::string_view secret) {
  return fmt::format("otpauth://totp/{}:{}?secret={}&issuer={}&algorithm=SHA1&digits=6&period=30", percent(issuer),
                     percent(account), base32(secret), percent(issuer));
}

std::string totp_code(std::string_view secret, std::int64_t step) {
  std::string message(8, '\0');
  for (int i = 7; i >= 0; --i) {
    message[static_cast<std::size_t>(i)] = static_cast<char>(step & 0xFF);
    step >>= 8;
  }
  const std::string hash = credentials::hmac_sha1(secret, message);
  const std::size_t offset = static_cast<unsigned char>(hash[19]) & 15U;
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = (number << 8U) | static_cast<unsigned char>(hash[offset + i]);
  return fmt::format("{:06}", (number & 0x7FFFFFFFU) % 1'000'000);
}

std::optional<std::int64_t> totp_step(std::string_view secret, std::string_view code, UnixMillis now) {
  const std::int64_t present = now / kStepMillis;
  std::optional<std::int64_t> found;
  for (const std::int64_t step : {present - 1, present, present + 1}) {
    if (constant_time_equal(totp_code(secret, step), code)) found = step;
  }
  return found;
}

std::vector<std::string> new_recovery_codes(Random& random) {
  std::vector<std::string> out;
  for (int i = 0; i < kRecoveryCodes; ++i) {
    const std::string letters = base32(random_bytes(random, kRecoveryBytes));
    out.push_back(fmt::format("{}-{}-{}-{}", letters.substr(0, 4), letters.substr(4, 4), letters.substr(8, 4),
                              letters.substr(12, 4)));
  }
  return out;
}

std::string recovery_hash(std::string_view code) {
  std::string letters;
  for (const char c : code) {
    if (c == '-' || c == ' ') continue;
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    if (kBase32.find(upper) == std::string_view::npos) return {};
    letters += upper;
  }
  return letters.size() == kRecoveryBytes * 8 / 5 ? sha256_hex("recovery:" + letters) : std::string();
}

}  // namespace librebird
