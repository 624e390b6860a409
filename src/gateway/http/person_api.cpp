// All that is mine: to take along, or to erase.
#include <librebird/gateway/body.hpp>
#include <librebird/gateway/member_events.hpp>

#include "api.hpp"

namespace librebird::gateway {
namespace {

constexpr std::size_t kPasswordLimit = 1024;

}  // namespace

Task<Answer> Api::export_me(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_CHECK(body.done());
  const Principal principal = call.caller.principal;
  LB_CO_TRY(file, co_await services_.persons.take_along(principal.user_id));
  AuditEvent event;
  event.kind = AuditKind::account;
  event.principal = principal;
  event.subject = "exported";
  event.detail = "all that is the account's own, as one archive";
  LB_CO_CHECK(co_await services_.audit.append(std::move(event)));
  auto writer =
      co_await call.exchange.stream(200, {{"Content-Type", "application/gzip"},
                                          {"Content-Disposition", "attachment; filename=\"librebird-export.tar.gz\""},
                                          {"Cache-Control", "no-store"},
                                          {"X-Content-Type-Options", "nosniff"}});
  if (!writer) co_return std::nullopt;
  for (;;) {
    auto piece = co_await file->read();
    // A cut-off archive is refused by whoever reads it: its manifest is missing.
    if (!piece || piece->empty()) break;
    if (!co_await (*writer)->write(*std::move(piece))) break;
  }
  co_return std::nullopt;
}

Task<Answer> Api::import_me(Call& call) {
  const net::Request& request = call.request();
  if (!is_archive(request)) {
    co_return make_error(Code::invalid_argument, "Send the archive's bytes with Content-Type: application/gzip.");
  }
  const std::string dry = request.query_value("dry_run").value_or("false");
  if (dry != "true" && dry != "false") co_return make_error(Code::invalid_argument, "`dry_run` must be true or false.");
  const Principal principal = call.caller.principal;
  LB_CO_TRY(upload, services_.persons.receive(principal));
  for (std::uint64_t taken = 0;;) {
    LB_CO_TRY(piece, co_await call.exchange.read_body());
    if (piece.empty() && taken == 0)
      co_return make_error(Code::invalid_argument, "The body is empty: send the archive.");
    if (piece.empty()) break;
    taken += piece.size();
    LB_CO_CHECK(co_await upload->write(std::move(piece)));
  }
  MayBring room = [&](std::int64_t bytes) {
    return services_.usage.may_store(principal, options_.intake.limits, bytes);
  };
  LB_CO_TRY(report, co_await upload->bring(dry == "true", std::move(room)));
  co_return json_response(200, to_json(report, dry == "true"));
}

Task<Answer> Api::erase_me(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(password, body.optional_text("current_password", kPasswordLimit));
  LB_CO_CHECK(body.done());
  const Principal principal = call.caller.principal;
  LB_CO_CHECK(co_await accounts_.prove(principal, password.value_or("")));
  LB_CO_TRY(scope, co_await services_.persons.erase(principal.user_id));
  sessions_.revoke_user(principal.user_id, "");
  for (const std::string& workspace : scope.workspaces) publish(services_.bus, {workspace, principal.user_id, true});
  co_return net::Response{204, {{"Cache-Control", "no-store"}}, {}, {}};
}

}  // namespace librebird::gateway
