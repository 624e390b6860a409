#pragma once

// The secrets of one call: placeholders become values on their way to the declared hosts, values become placeholders on
// their way back, and a placeholder that goes anywhere else is refused. Pure; any thread.

#include "replacer.hpp"

#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/egress/policy.hpp>

namespace librebird::egress {

// How the value is written where its placeholder stood.
enum class Writing { raw, percent, json };

class Secrets {
 public:
  // invalid_argument names the placeholder, never the value.
  static Result<Secrets> make(std::vector<SecretLease> leases);

  [[nodiscard]] bool empty() const { return leases_.empty(); }
  // True if one of the secrets is meant for the target.
  [[nodiscard]] bool any_for(const Target& target) const;

  // In the path and query. The host itself must hold none. permission_denied: it is not for this target.
  Result<std::string> into_path(const Target& target) const;
  // In all fields, inside `Basic` credentials too.
  Status into_headers(const Target& target, HttpHeaders& headers) const;
  // For a body. What must not pass is found with `forbidden`.
  [[nodiscard]] Replacer into_body(const Target& target, Writing writing) const;
  // Non-empty: `text` holds a placeholder that is not for the target; the reason.
  [[nodiscard]] std::optional<Error> forbidden(const Target& target, std::string_view text) const;
  [[nodiscard]] std::size_t longest_placeholder() const;

  // Values back into placeholders: raw, percent-encoded, as JSON, in base64 at any offset.
  [[nodiscard]] Replacer redactor() const;

 private:
  struct Lease {
    SecretLease secret;
    HostList hosts;
  };
  [[nodiscard]] static bool is_for(const Lease& lease, const Target& target);
  static Error misdirected(const Lease& lease, const Target& target);
  // Every placeholder of `text` in its writing, or the error.
  Result<std::string> put(const Target& target, std::string_view text, Writing writing) const;

  std::vector<Lease> leases_;
  std::vector<Replacement> redactions_;
};

[[nodiscard]] Writing writing_of(const HttpHeaders& headers);

}  // namespace librebird::egress
