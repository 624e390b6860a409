#pragma once

// The REST handlers of /api/v1, one method a route; grouped by aggregate in *_api.cpp. Thread rule: loop only.

#include <librebird/core/credentials/jwt.hpp>
#include <librebird/gateway/accounts.hpp>
#include <librebird/gateway/gateway.hpp>
#include <librebird/gateway/ws_session.hpp>

#include <optional>
#include <string>
#include <vector>

namespace librebird::gateway {

// A request on its way: who, what, and the parts of the path that the route's {} stand for.
struct Call {
  net::Exchange& exchange;
  Caller caller;
  std::string request_id;
  std::vector<std::string> parameters;

  [[nodiscard]] const net::Request& request() const { return exchange.request(); }
};

// nullopt: answered by streaming.
using Answer = Result<std::optional<net::Response>>;

[[nodiscard]] net::Response json_response(int status, std::string body);

class Api {
 public:
  Api(const GatewayServices& services, Authenticator& authenticator, Accounts& accounts, Intake& intake, TurnHub& hub,
      ListEvents& list_events, SessionRegistry& sessions, const GatewayOptions& options);

  // auth_api.cpp
  Task<Answer> sign_in(Call& call);
  Task<Answer> sign_in_with_password(Call& call);
  Task<Answer> sign_in_second_factor(Call& call);
  Task<Answer> sign_in_methods(Call& call);
  Task<Answer> make_token(Call& call);
  Task<Answer> refresh_token(Call& call);
  Task<Answer> sign_up(Call& call);
  Task<Answer> mail_sign_in_link(Call& call);
  Task<Answer> mail_reset_link(Call& call);
  Task<Answer> reset_password(Call& call);
  Task<Answer> verify_email(Call& call);

  // external_api.cpp
  Task<Answer> list_providers(Call& call);
  Task<Answer> start_external(Call& call);
  Task<Answer> finish_external(Call& call);
  Task<Answer> list_identities(Call& call);
  Task<Answer> link_identity(Call& call);
  Task<Answer> unlink_identity(Call& call);

  // security_api.cpp
  Task<Answer> get_account(Call& call);
  Task<Answer> update_account(Call& call);
  Task<Answer> change_password(Call& call);
  Task<Answer> mail_verification(Call& call);
  Task<Answer> begin_second_factor(Call& call);
  Task<Answer> confirm_second_factor(Call& call);
  Task<Answer> renew_recovery_codes(Call& call);
  Task<Answer> remove_second_factor(Call& call);
  Task<Answer> list_sessions(Call& call);
  Task<Answer> end_session(Call& call);
  Task<Answer> end_all_sessions(Call& call);

  // account_api.cpp
  Task<Answer> sign_out(Call& call);
  Task<Answer> me(Call& call);
  Task<Answer> list_api_keys(Call& call);
  Task<Answer> create_api_key(Call& call);
  Task<Answer> revoke_api_key(Call& call);
  Task<Answer> list_tools(Call& call);

  // workspaces_api.cpp
  Task<Answer> list_workspaces(Call& call);
  Task<Answer> create_workspace(Call& call);
  Task<Answer> get_workspace(Call& call);
  Task<Answer> rename_workspace(Call& call);
  Task<Answer> delete_workspace(Call& call);
  Task<Answer> transfer_workspace(Call& call);
  Task<Answer> leave_workspace(Call& call);
  Task<Answer> list_members(Call& call);
  Task<Answer> set_member_role(Call& call);
  Task<Answer> remove_member(Call& call);
  Task<Answer> list_invitations(Call& call);
  Task<Answer> create_invitation(Call& call);
  Task<Answer> revoke_invitation(Call& call);
  Task<Answer> look_at_invitation(Call& call);
  Task<Answer> accept_invitation(Call& call);
  Task<Answer> decline_invitation(Call& call);

  // usage_api.cpp
  Task<Answer> my_usage(Call& call);
  Task<Answer> workspace_usage(Call& call);
  Task<Answer> limit_workspace(Call& call);
  Task<Answer> get_retention(Call& call);
  Task<Answer> set_retention(Call& call);
  Task<Answer> limit_member(Call& call);

  // person_api.cpp
  Task<Answer> export_me(Call& call);
  Task<Answer> import_me(Call& call);
  Task<Answer> erase_me(Call& call);

  // skills_api.cpp
  Task<Answer> list_skills(Call& call);
  Task<Answer> get_skill(Call& call);
  Task<Answer> install_skill(Call& call);
  Task<Answer> update_skill(Call& call);
  Task<Answer> change_skill(Call& call);
  Task<Answer> rollback_skill(Call& call);
  Task<Answer> remove_skill(Call& call);
  Task<Answer> set_skill_setting(Call& call);
  Task<Answer> unset_skill_setting(Call& call);
  Task<Answer> connect_skill(Call& call);
  Task<Answer> get_skill_connection(Call& call);
  Task<Answer> finish_skill_connection(Call& call);
  Task<Answer> disconnect_skill(Call& call);

  // conversations_api.cpp
  Task<Answer> list_conversations(Call& call);
  Task<Answer> create_conversation(Call& call);
  Task<Answer> get_conversation(Call& call);
  Task<Answer> update_conversation(Call& call);
  Task<Answer> delete_conversation(Call& call);
  Task<Answer> share_conversation(Call& call);

  // approvals_api.cpp
  Task<Answer> list_approvals(Call& call);
  Task<Answer> decide_approval(Call& call);
  Task<Answer> get_tool_policy(Call& call);  // of the workspace, or of the conversation in the path
  Task<Answer> set_tool_policy(Call& call);
  Task<Answer> list_grants(Call& call);
  Task<Answer> revoke_grant(Call& call);

  // messages_api.cpp
  Task<Answer> list_messages(Call& call);
  Task<Answer> send_message(Call& call);
  Task<Answer> edit_message(Call& call);
  Task<Answer> regenerate_message(Call& call);
  Task<Answer> get_turn(Call& call);
  Task<Answer> cancel_turn(Call& call);
  Task<Answer> turn_events(Call& call);

 private:
  Task<Result<std::string>> me_view(Caller caller);
  Task<Answer> answer_signed_in(Authenticator::SignedIn signed_in);
  Task<Answer> answer_proof(Call& call, Proof proof);
  Task<Answer> answer_token(Session session);
  Task<Answer> mail_to(Call& call, TokenPurpose purpose);
  [[nodiscard]] std::string public_url(const Call& call) const;
  [[nodiscard]] std::string callback_url(const Call& call) const;
  Task<net::Response> enter(Call& call, oidc::Finished done);
  Task<net::Response> link(Call& call, oidc::Finished done);
  Task<Answer> accept(Call& call, AcceptMessage message);
  void tell(const std::string& workspace_id, const std::string& user_id, const MemberChange& change);

  const GatewayServices& services_;
  Authenticator& authenticator_;
  Accounts& accounts_;
  Intake& intake_;
  TurnHub& hub_;
  ListEvents& list_events_;
  SessionRegistry& sessions_;
  const GatewayOptions& options_;
};

// A request acts in one workspace, whose role was checked: the path must name that one (workspaces_api.cpp).
[[nodiscard]] Status names_this_workspace(const Call& call);

// Whether the body is said to be an archive (skills_api.cpp).
[[nodiscard]] bool is_archive(const net::Request& request);

// A query parameter as a whole number within bounds, or `fallback`.
[[nodiscard]] Result<int> query_integer(const net::Request& request, std::string_view name, int fallback, int least,
                                        int most);

}  // namespace librebird::gateway
