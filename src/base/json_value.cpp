#include <librebird/base/json_value.hpp>

#include <boost/json/value.hpp>

#include <algorithm>
#include <cmath>

namespace librebird {

bool has_finite_numbers(const boost::json::value& value) {
  if (const double* number = value.if_double()) return std::isfinite(*number);
  if (const auto* array = value.if_array()) return std::ranges::all_of(*array, has_finite_numbers);
  if (const auto* object = value.if_object()) {
    return std::ranges::all_of(*object, [](const auto& member) { return has_finite_numbers(member.value()); });
  }
  return true;
}

}  // namespace librebird
