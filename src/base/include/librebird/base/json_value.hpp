#pragma once

// What every reader of untrusted JSON has to ask of a parsed value. Pure; thread-safe.

namespace boost::json {
class value;
}

namespace librebird {

// Whether every number in it can be written again. Boost.JSON reads what is beyond a double ("1e600") as infinity and
// "0e600" as no number, for which JSON (RFC 8259, 6) has no words. Recursive: no deeper than the parser's max_depth.
bool has_finite_numbers(const boost::json::value& value);

}  // namespace librebird
