#include <librebird/base/random.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>

namespace librebird {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

void append_hex(std::string& out, std::uint8_t byte) {
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 15]);
}

}  // namespace

void SystemRandom::fill(std::span<std::byte> out) {
  // Without randomness no secret is safe: stop rather than go on.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) != 1) std::abort();
}

std::string IdGenerator::next() {
  std::array<std::byte, 8> noise{};
  random_.fill(noise);
  std::array<std::uint8_t, 16> b{};
  {
    const std::lock_guard lock(mutex_);
    auto now = static_cast<std::uint64_t>(clock_.unix_now());
    if (now > last_millis_) {
      last_millis_ = now;
      // Start low so that 12 bits of counter leave room within one millisecond.
      counter_ = std::to_integer<std::uint32_t>(noise[0]) & 0x7F;
    } else if (++counter_ > 0xFFF) {
      ++last_millis_;
      counter_ = 0;
    }
    now = last_millis_;
    for (int i = 0; i < 6; ++i) b[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(now >> (40 - 8 * i));
    b[6] = static_cast<std::uint8_t>(0x70 | (counter_ >> 8));
    b[7] = static_cast<std::uint8_t>(counter_);
  }
  for (std::size_t i = 0; i < 8; ++i) b[8 + i] = std::to_integer<std::uint8_t>(noise[i]);
  b[8] = static_cast<std::uint8_t>(0x80 | (b[8] & 0x3F));
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    append_hex(text, b[i]);
  }
  return text;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : kHex.find(c) == std::string_view::npos) return false;
  }
  return true;
}

std::string random_token(Random& random, std::size_t bytes) {
  std::string raw(bytes, '\0');
  random.fill(std::as_writable_bytes(std::span(raw.data(), raw.size())));
  std::string out(4 * ((bytes + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(raw.data()), static_cast<int>(bytes));
  out.resize(static_cast<std::size_t>(length));
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out;
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) std::abort();
  std::string out;
  out.reserve(64);
  for (const auto byte : digest) append_hex(out, byte);
  return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace librebird
