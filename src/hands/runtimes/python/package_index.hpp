#pragma once

// Where Python packages come from: the index that is configured, or the operator's pip settings, or the public one.
// Pure but for reading pip's settings files. Any thread.

#include <librebird/base/config.hpp>
#include <librebird/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace librebird::python {

struct PackageIndex {
  std::string url;
  std::vector<std::string> hosts;  // what installing may reach, as the egress fence writes hosts
};

// The value of `index-url` in one of pip's settings files; empty if it has none.
std::string index_of_pip_settings(std::string_view text);

// `configured` empty: what pip itself would use here. `more_hosts`: where the index keeps its files, if elsewhere.
// Errors: invalid_argument (not an http address, or one with a password, which would have to enter the sandbox).
Result<PackageIndex> find_package_index(const std::string& configured, const std::vector<std::string>& more_hosts,
                                        const Config::Environment& environment);

}  // namespace librebird::python
