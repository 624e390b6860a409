#pragma once

// E-mail addresses as accounts know them. Pure, any thread.

#include <librebird/base/result.hpp>

#include <string>
#include <string_view>

namespace librebird {

// The form in which addresses are kept and compared: without spaces around it, in lower case (ASCII) and Unicode's
// composed form. invalid_argument: it is no address that mail can be sent to.
[[nodiscard]] Result<std::string> normal_email(std::string_view text);

}  // namespace librebird
