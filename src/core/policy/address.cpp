#include <librebird/core/policy/address.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace librebird::policy {
namespace {

using Bytes = std::array<unsigned char, 16>;
constexpr Bytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

bool is_ipv4(const Bytes& bytes) { return std::equal(kMapped.begin(), kMapped.begin() + 12, bytes.begin()); }

std::optional<Bytes> parse_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string copy(text);
  if (copy.size() != std::strlen(copy.c_str())) return std::nullopt;
  Bytes bytes = kMapped;
  if (::inet_pton(AF_INET, copy.c_str(), bytes.data() + 12) == 1) return bytes;
  if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

Bytes masked(Bytes bytes, int bits) {
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(bits - i * 8, 0, 8);
    bytes[static_cast<std::size_t>(i)] &= static_cast<unsigned char>(0xFF00U >> static_cast<unsigned>(kept));
  }
  return bytes;
}

std::string text_of(const Bytes& bytes) {
  char out[INET6_ADDRSTRLEN] = {};
  if (is_ipv4(bytes)) {
    ::inet_ntop(AF_INET, bytes.data() + 12, out, sizeof out);
  } else {
    ::inet_ntop(AF_INET6, bytes.data(), out, sizeof out);
  }
  return out;
}

}  // namespace

Result<AddressRange> AddressRange::parse(std::string_view text) {
  const auto malformed = [&](std::string_view why) {
    return make_error(Code::invalid_argument, "\"" + std::string(text.substr(0, 60)) + "\" is no address range: " +
                                                  std::string(why) + "; write it as 10.0.0.0/8 or 2001:db8::/32.");
  };
  const std::size_t slash = text.find('/');
  const auto bytes = parse_address(text.substr(0, slash));
  if (!bytes) return malformed("the address is none");
  const bool four = is_ipv4(*bytes) && text.substr(0, slash).find(':') == std::string_view::npos;
  int bits = 128;
  if (slash != std::string_view::npos) {
    const std::string_view number = text.substr(slash + 1);
    const char* end = number.data() + number.size();
    const auto read = std::from_chars(number.data(), end, bits);
    if (read.ec != std::errc() || read.ptr != end || bits < 0 || bits > (four ? 32 : 128)) {
      return malformed("what follows the slash is no length of it");
    }
    if (four) bits += 96;
  }
  AddressRange range;
  range.bytes_ = *bytes;
  range.bits_ = bits;
  if (masked(*bytes, bits) != *bytes) return malformed("bits beyond its length are set");
  return range;
}

bool AddressRange::contains(std::string_view address) const {
  const auto bytes = parse_address(address);
  if (!bytes) return false;
  // ::/0 is all of IPv6, and does not open IPv4 with it.
  if (is_ipv4(*bytes) && !is_ipv4(bytes_)) return false;
  return masked(*bytes, bits_) == bytes_;
}

std::string AddressRange::text() const {
  const bool four = is_ipv4(bytes_) && bits_ >= 96;
  return text_of(bytes_) + "/" + std::to_string(four ? bits_ - 96 : bits_);
}

Result<std::vector<AddressRange>> parse_ranges(std::span<const std::string> texts) {
  std::vector<AddressRange> out;
  for (const std::string& text : texts) {
    LB_TRY(range, AddressRange::parse(text));
    out.push_back(range);
  }
  return out;
}

bool any_contains(std::span<const AddressRange> ranges, std::string_view address) {
  return std::ranges::any_of(ranges, [&](const AddressRange& range) { return range.contains(address); });
}

std::string address_block(std::string_view address) {
  const auto bytes = parse_address(address);
  if (!bytes) return "unknown";
  if (is_ipv4(*bytes)) return text_of(*bytes);
  return text_of(masked(*bytes, 64)) + "/64";
}

}  // namespace librebird::policy
