#pragma once

// Internet addresses as rules see them: ranges in CIDR form. An IPv4 address written as IPv6 (::ffff:a.b.c.d) is the
// IPv4 address. Pure, any thread.

#include <librebird/base/result.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::policy {

class AddressRange {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or one address. invalid_argument: neither, or bits beyond the prefix are set.
  static Result<AddressRange> parse(std::string_view text);
  // False for what is no address.
  [[nodiscard]] bool contains(std::string_view address) const;
  [[nodiscard]] std::string text() const;

 private:
  std::array<unsigned char, 16> bytes_{};
  int bits_ = 0;  // of the 128
};

[[nodiscard]] Result<std::vector<AddressRange>> parse_ranges(std::span<const std::string> texts);
[[nodiscard]] bool any_contains(std::span<const AddressRange> ranges, std::string_view address);

// Whom failures are counted for: the address, or of IPv6 the /64 that one customer usually has.
[[nodiscard]] std::string address_block(std::string_view address);

}  // namespace librebird::policy
