#include "message.hpp"

#include <librebird/net/smtp/smtp_mailer.hpp>

#include <boost/url/parse.hpp>

namespace librebird::net::smtp {
namespace {

Error wrong(const std::string& what) {
  return make_error(Code::invalid_argument, "mail.url (SMTP_URL) " + what +
                                                ". It reads smtp://user:password@mail.example.org:587, or smtps:// "
                                                "for TLS from the start; @ in the user is written %40.");
}

Status read_scheme(std::string_view scheme, MailSettings& out) {
  if (scheme == "smtp") return Ok{};
  if (scheme == "smtps") {
    out.security = Security::implicit;
    out.port = 465;
    return Ok{};
  }
  if (scheme == "smtp+insecure") {
    out.security = Security::none;
    out.port = 25;
    return Ok{};
  }
  return wrong("begins with none of smtp://, smtps:// and smtp+insecure://");
}

// "Name <address>" or an address.
Status read_sender(std::string from, MailSettings& out) {
  if (const std::size_t open = from.find('<'); open != std::string::npos && from.ends_with('>')) {
    out.from_name = from.substr(0, open);
    while (out.from_name.ends_with(' ')) out.from_name.pop_back();
    from = from.substr(open + 1, from.size() - open - 2);
  }
  if (!check_address(from)) {
    return {Code::invalid_argument,
            "mail.from (MAIL_FROM) must be the address that mail comes from, as bird@example.org or "
            "Libre Bird <bird@example.org>."};
  }
  out.from = std::move(from);
  return Ok{};
}

}  // namespace

std::vector<ConfigKey> mail_config_keys() {
  return {
      {"mail.url", ConfigType::text, std::string(), "SMTP_URL", true,
       "The mail server, as smtp://user:password@host:587 or smtps://…; empty: no e-mail is sent"},
      {"mail.from", ConfigType::text, std::string(), "MAIL_FROM", false,
       "Who mail comes from, as Libre Bird <bird@example.org>; empty: the user in mail.url"},
  };
}

Result<MailSettings> parse_mail_settings(const std::string& url, const std::string& from) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return wrong("is no address");
  MailSettings out;
  LB_CHECK(read_scheme(parsed->scheme(), out));
  out.host = parsed->host_address();
  if (out.host.empty()) return wrong("names no host");
  if (parsed->has_port() && !parsed->port().empty()) out.port = parsed->port_number();
  if (out.port == 0) return wrong("has a port that is none");
  if ((!parsed->path().empty() && parsed->path() != "/") || parsed->has_query() || parsed->has_fragment()) {
    return wrong("has something after the host; if that is part of the password, write / as %2F, ? as %3F, # as %23");
  }
  out.user = parsed->user();
  out.password = parsed->password();
  if (out.user.find('\0') != std::string::npos || out.password.find('\0') != std::string::npos) {
    return wrong("has a NUL in it");
  }
  LB_CHECK(read_sender(from.empty() ? out.user : from, out));
  return out;
}

Result<std::optional<MailSettings>> mail_settings(const Config& config) {
  const std::string& url = config.text("mail.url");
  if (url.empty()) return std::optional<MailSettings>();
  LB_TRY(settings, parse_mail_settings(url, config.text("mail.from")));
  return std::optional<MailSettings>(std::move(settings));
}

}  // namespace librebird::net::smtp
