#include <librebird/core/ports/mailer.hpp>

namespace librebird {
namespace {

class NoMailer final : public Mailer {
 public:
  [[nodiscard]] bool configured() const override { return false; }
  Task<Status> send(MailMessage) override {
    co_return make_error(
        Code::failed_precondition,
        "This server sends no e-mail, because no mail server is configured; its operator can set one.");
  }
};

}  // namespace

std::unique_ptr<Mailer> make_no_mailer() { return std::make_unique<NoMailer>(); }

}  // namespace librebird
