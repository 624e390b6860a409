#pragma once

// What a tool says about how far it is, made fit to be passed on: bounded text, a fraction from 0 to 1, and not more
// often than a person can read. Loop only.

#include <librebird/base/clock.hpp>
#include <librebird/core/model/approval.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace librebird::hands {

[[nodiscard]] std::function<void(double fraction, std::string_view message)> paced_progress(
    const Clock& clock, std::string call_id, std::function<void(const ToolProgress&)> sink);

}  // namespace librebird::hands
