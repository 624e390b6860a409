#include <librebird/core/credentials/invite.hpp>

#include <algorithm>

namespace librebird {

Task<Result<IssuedInvitation>> issue_invitation(InvitationStore& invitations, const Clock& clock, Random& random,
                                                Principal principal, Role role, std::optional<std::string> email) {
  if (email && !looks_like_email(*email)) {
    co_return make_error(Code::invalid_argument, "`email` must be one e-mail address, such as kim@example.org.");
  }
  IssuedInvitation issued;
  issued.token = random_token(random);
  LB_CO_TRY(made, co_await invitations.create(std::move(principal), sha256_hex(issued.token), role, std::move(email),
                                              clock.unix_now() + kInvitationLifetime.count()));
  issued.invitation = std::move(made);
  co_return issued;
}

std::string invitation_link(std::string_view base_url, std::string_view token) {
  return std::string(base_url) + "/invitation#token=" + std::string(token);
}

bool looks_like_email(std::string_view text) {
  const std::size_t at = text.find('@');
  if (text.size() > 254 || at == 0 || at == std::string_view::npos) return false;
  const std::string_view domain = text.substr(at + 1);
  const std::size_t dot = domain.find('.');
  if (dot == 0 || dot == std::string_view::npos || domain.back() == '.' || domain.find('@') != std::string_view::npos)
    return false;
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; });
}

}  // namespace librebird
