#include <librebird/core/credentials/password.hpp>

#include "encoding.hpp"

#include <crypt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <thread>

namespace librebird {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kQueue = 32;

void wipe(std::string& text) {
  if (!text.empty()) ::explicit_bzero(text.data(), text.size());
}

// Empty: `setting` is none of bcrypt's.
std::string crypt(const std::string& password, const std::string& setting) {
  const auto data = std::make_unique<crypt_data>();
  std::memset(data.get(), 0, sizeof(crypt_data));
  const char* made = ::crypt_r(password.c_str(), setting.c_str(), data.get());
  std::string out = made == nullptr || *made == '*' ? std::string() : std::string(made);
  ::explicit_bzero(data.get(), sizeof(crypt_data));
  return out;
}

std::size_t threads() { return std::max(1U, std::thread::hardware_concurrency() / 2); }

Error busy() {
  Error error = make_error(Code::resource_exhausted, "Too many people sign in at this moment: try again in a second.");
  error.retry_after = std::chrono::milliseconds(1000);
  return error;
}

}  // namespace

Result<std::string> normal_password(std::string_view password) {
  auto normal = credentials::composed(password);
  if (!normal || normal->find('\0') != std::string::npos) {
    return {Code::invalid_argument, "The password must be text (UTF-8) without NUL characters."};
  }
  if (normal->size() > kMostPasswordBytes) {
    return {Code::invalid_argument,
            fmt::format("The password is {} bytes long, of which only the first {} would count: take a shorter one.",
                        normal->size(), kMostPasswordBytes)};
  }
  return *std::move(normal);
}

PasswordHasher::PasswordHasher(Random& random, int cost)
    : random_(random), cost_(std::clamp(cost, kLeastCost, kMostCost)), pool_("passwords", threads(), kQueue) {}

PasswordHasher::~PasswordHasher() { closing_ = true; }

template <class F>
Task<Result<std::string>> PasswordHasher::run(F work) {
  auto unless_closing = [this, &work] { return closing_.load() ? std::string() : work(); };
  auto made = co_await pool_.run(unless_closing);
  if (!made) co_return busy();
  co_return *std::move(made);
}

Task<Result<std::string>> PasswordHasher::hash(std::string password) {
  std::string salt(kSaltBytes, '\0');
  random_.fill(std::as_writable_bytes(std::span(salt)));
  char setting[CRYPT_GENSALT_OUTPUT_SIZE] = {};
  if (::crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost_), salt.data(), static_cast<int>(salt.size()), setting,
                         sizeof setting) == nullptr) {
    co_return make_error(Code::internal, "This system's libcrypt does not know bcrypt.");
  }
  const std::string chosen = setting;
  auto work = [&password, &chosen] { return crypt(password, chosen); };
  auto made = co_await run(work);
  wipe(password);
  if (made && made->empty()) co_return make_error(Code::unavailable, "The password could not be hashed: try again.");
  co_return made;
}

Task<Result<bool>> PasswordHasher::verify(std::string password, std::string stored) {
  const bool known = !stored.empty();
  const std::string setting = known ? stored : fmt::format("$2b${:02}${}", cost_, "LibreBirdKnowsNobody..");
  auto work = [&password, &setting] { return crypt(password, setting); };
  auto made = co_await run(work);
  wipe(password);
  if (!made) co_return made.error();
  co_return known && !made->empty() && constant_time_equal(*made, stored);
}

bool PasswordHasher::outdated(std::string_view stored) const {
  return !stored.starts_with(fmt::format("$2b${:02}$", cost_));
}

}  // namespace librebird
