#include <librebird/net/http_client.hpp>

#include <boost/asio/ip/address.hpp>

#include <array>
#include <cstdint>
#include <span>

namespace librebird::net {
namespace {

namespace ip = boost::asio::ip;

struct RangeV4 {
  std::uint32_t prefix;
  unsigned bits;
};

constexpr std::uint32_t v4(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24 | b << 16 | c << 8 | d; }

// IANA special-purpose registry (RFC 6890 and later): what is not globally reachable.
constexpr std::array kNotPublicV4{
    RangeV4{v4(0, 0, 0, 0), 8},       RangeV4{v4(10, 0, 0, 0), 8},     RangeV4{v4(100, 64, 0, 0), 10},
    RangeV4{v4(127, 0, 0, 0), 8},     RangeV4{v4(169, 254, 0, 0), 16}, RangeV4{v4(172, 16, 0, 0), 12},
    RangeV4{v4(192, 0, 0, 0), 24},    RangeV4{v4(192, 0, 2, 0), 24},   RangeV4{v4(192, 31, 196, 0), 24},
    RangeV4{v4(192, 52, 193, 0), 24}, RangeV4{v4(192, 88, 99, 0), 24}, RangeV4{v4(192, 168, 0, 0), 16},
    RangeV4{v4(192, 175, 48, 0), 24}, RangeV4{v4(198, 18, 0, 0), 15},  RangeV4{v4(198, 51, 100, 0), 24},
    RangeV4{v4(203, 0, 113, 0), 24},  RangeV4{v4(224, 0, 0, 0), 4},    RangeV4{v4(240, 0, 0, 0), 4},
};

bool is_public(std::uint32_t address) {
  for (const auto& [prefix, bits] : kNotPublicV4) {
    if ((address ^ prefix) >> (32 - bits) == 0) return false;
  }
  return true;
}

bool has_prefix(std::span<const unsigned char> bytes, std::initializer_list<unsigned char> prefix, unsigned bits) {
  unsigned i = 0;
  for (const unsigned char wanted : prefix) {
    const unsigned left = bits - i * 8;
    const unsigned mask = left >= 8 ? 0xFFU : 0xFFU << (8 - left) & 0xFFU;
    if (((bytes[i++] ^ wanted) & mask) != 0) return false;
  }
  return true;
}

std::uint32_t v4_at(std::span<const unsigned char> b, std::size_t at) {
  return v4(b[at], b[at + 1], b[at + 2], b[at + 3]);
}

bool is_public(const ip::address_v6::bytes_type& b) {
  // NAT64's well-known prefix carries an IPv4 address that a translator will connect to (RFC 6052).
  if (has_prefix(b, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}, 96)) return is_public(v4_at(b, 12));
  // IPv4-mapped addresses are IPv4 in disguise (RFC 4291, section 2.5.5.2), 6to4 leads to an IPv4 router (RFC 3056).
  if (has_prefix(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96)) return is_public(v4_at(b, 12));
  if (has_prefix(b, {0x20, 0x02}, 16)) return is_public(v4_at(b, 2));
  // Global unicast is 2000::/3 and nothing else: that leaves out ::, ::1, ULA, link-local, site-local, multicast,
  // IPv4-compatible, NAT64 local (64:ff9b:1::/48), discard (100::/64), SRv6 (5f00::/16).
  if (!has_prefix(b, {0x20}, 3)) return false;
  if (has_prefix(b, {0x20, 0x01, 0x00}, 23)) return false;              // protocol assignments, Teredo, ORCHID
  if (has_prefix(b, {0x20, 0x01, 0x0d, 0xb8}, 32)) return false;        // documentation
  if (has_prefix(b, {0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48)) return false;  // AS112
  if (has_prefix(b, {0x3f, 0xff, 0x00}, 20)) return false;              // documentation (RFC 9637)
  if (has_prefix(b, {0x3f, 0xfe}, 16)) return false;                    // 6bone, returned
  // ISATAP: an IPv4 address behind ::0:5efe or ::200:5efe.
  if ((b[8] & 0xFD) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe) return is_public(v4_at(b, 12));
  return true;
}

}  // namespace

bool is_public_address(const std::string& address) {
  boost::system::error_code failure;
  const ip::address parsed = ip::make_address(address, failure);
  if (failure) return false;
  if (parsed.is_v4()) return is_public(parsed.to_v4().to_uint());
  if (parsed.to_v6().scope_id() != 0) return false;
  return is_public(parsed.to_v6().to_bytes());
}

}  // namespace librebird::net
