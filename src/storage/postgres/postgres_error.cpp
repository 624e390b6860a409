#include "postgres_error.hpp"

#include <fmt/format.h>

namespace librebird::storage {
namespace {

Error later(std::string message, int milliseconds) {
  Error error = make_error(Code::unavailable, std::move(message));
  error.retry_after = std::chrono::milliseconds(milliseconds);
  return error;
}

// One line of a message, without its final full stop.
std::string_view line_of(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  while (!text.empty() && (text.back() == '.' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

Error unreachable(std::string_view detail, std::string_view name) {
  return later(fmt::format("The database {} does not answer ({}): check that the server runs and can be reached; it is "
                           "tried again.",
                           name, line_of(detail)),
               1000);
}

Error postgres_error(std::string_view state, std::string_view detail, std::string_view name) {
  const std::string_view kind = state.substr(0, 2);
  const std::string_view said = line_of(detail);
  if (state == "23505") return make_error(Code::already_exists, "A row with this key is there already.");
  if (state == "23503") return make_error(Code::failed_precondition, "What this row belongs to is gone.");
  if (state == "40001" || state == "40P01") {
    return later("Too many write to the same place of the database at once: try again.", 100);
  }
  if (state == "55P03") {
    return later(fmt::format("The database {} is locked by somebody else: wait until that is done.", name), 1000);
  }
  if (state == "57014") {
    return later(
        fmt::format("The database {} took too long and was stopped: it may be overloaded, try again later.", name),
        1000);
  }
  if (state == "53100") {
    return later(fmt::format("The disk of the database {} is full: free some space and try again.", name), 5000);
  }
  if (state == "53300") {
    return later(fmt::format("The database {} has no connection left: raise its max_connections, or lower "
                             "storage.pool.",
                             name),
                 1000);
  }
  if (kind == "53") return later(fmt::format("The database {} is out of resources ({}).", name, said), 5000);
  if (state == "58030") return later(fmt::format("The disk of the database {} fails ({}).", name, said), 5000);
  if (state == "57P01" || state == "57P02" || state == "57P03" || kind == "08") return unreachable(said, name);
  if (state == "25006") {
    return make_error(
        Code::failed_precondition,
        fmt::format("The database {} is read-only (a standby, or set so): connect to the primary server.", name));
  }
  if (kind == "28") {
    return make_error(
        Code::failed_precondition,
        fmt::format("The database {} refused the login ({}): check user and password of DATABASE_URL.", name, said));
  }
  if (state == "3D000") {
    return make_error(Code::failed_precondition,
                      fmt::format("There is no database {}: create it, or name another in DATABASE_URL.", name));
  }
  if (state == "42501") {
    return make_error(Code::permission_denied, fmt::format("The database does not allow this ({}).", said));
  }
  if (state == "22021" || state == "22P05") {
    return make_error(Code::invalid_argument, "The text is not valid UTF-8 and cannot be stored.");
  }
  if (state == "54000" || state == "22001") {
    return make_error(Code::too_large, "The text is too large to be stored: shorten it.");
  }
  if (state == "XX001" || state == "XX002") {
    return make_error(Code::data_loss,
                      fmt::format("The database {} is damaged ({}): restore it from a backup.", name, said));
  }
  return make_error(Code::internal, fmt::format("The database failed: {} (SQLSTATE {}).", said, state));
}

}  // namespace librebird::storage
