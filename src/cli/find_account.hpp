#pragma once

#include <librebird/cli/commands.hpp>

#include <string>

namespace librebird::cli {

// By id or e-mail address; its principal acts as the operator.
Task<Result<SignInAccount>> find_account(Operator op, std::string who);

}  // namespace librebird::cli
