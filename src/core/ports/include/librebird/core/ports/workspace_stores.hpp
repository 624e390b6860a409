#pragma once

// Ports: workspaces, who is in them, and who is invited. The rules of stores.hpp hold here too.
//
// Each call looks the caller's role up at that moment and asks core/policy, so that a principal that has grown old
// (demoted, removed) is refused. A workspace has exactly one owner. Nobody gives a role above his own or changes
// somebody who stands as high; the owner cannot leave before the workspace was transferred.
//
// What somebody made, who leaves or is removed: private conversations stay where they are and nobody reaches them
// (their author does again, if invited again); shared ones go to the workspace's owner, with their shares; API keys,
// sessions and standing answers of that workspace end; open turns are cancelled; open invitations are revoked.
//
// Errors beside those of stores.hpp: permission_denied (the role does not allow it, with the reason), not_found (no
// such member; or the caller is no member), already_exists, resource_exhausted (the bounds below).

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/turn.hpp>
#include <librebird/core/model/workspace.hpp>

#include <optional>
#include <string>
#include <vector>

namespace librebird {

inline constexpr int kMostWorkspaces = 100;        // that one user owns
inline constexpr int kMostMembers = 1000;          // of one workspace
inline constexpr int kMostOpenInvitations = 1000;  // of one workspace

// What became of a member.
struct MemberChange {
  std::optional<Member> member;  // none: gone
  bool fewer_rights = false;     // turns that run with the old ones must end
  std::vector<Turn> ended;       // turns that waited, and were cancelled
};

class WorkspaceStore {
 public:
  virtual ~WorkspaceStore() = default;

  // Owned by the principal's user.
  virtual Task<Result<WorkspaceMembership>> create(Principal principal, std::string name) = 0;
  // All that the principal's user is a member of, by name.
  virtual Task<Result<std::vector<WorkspaceMembership>>> list(Principal principal) = 0;
  // The principal's own.
  virtual Task<Result<WorkspaceMembership>> get(Principal principal) = 0;
  virtual Task<Result<WorkspaceMembership>> rename(Principal principal, std::string name) = 0;
  // With everything in it. failed_precondition: the only one that its owner has.
  virtual Task<Status> remove(Principal principal) = 0;
  // The old owner becomes an admin.
  virtual Task<Status> transfer(Principal principal, std::string user_id) = 0;

  virtual Task<Result<std::vector<Member>>> list_members(Principal principal) = 0;
  // A user known already; for operators. Others are invited.
  virtual Task<Result<Member>> add_member(Principal principal, std::string user_id, Role role) = 0;
  // Cancels the open turns of somebody whose role sinks.
  virtual Task<Result<MemberChange>> set_role(Principal principal, std::string user_id, Role role) = 0;
  virtual Task<Result<MemberChange>> remove_member(Principal principal, std::string user_id) = 0;
  virtual Task<Result<MemberChange>> leave(Principal principal) = 0;  // failed_precondition: the owner

  // The role somebody has at this moment; nullopt: none. For authentication and for connections that live on.
  virtual Task<Result<std::optional<Role>>> role_of(std::string user_id, std::string workspace_id) = 0;

  // For operators, who see the whole installation.
  virtual Task<Result<std::vector<WorkspaceMembership>>> list_all() = 0;  // each as its owner has it
  virtual Task<Result<Principal>> owner_of(std::string workspace_id) = 0;
  // By id or e-mail address.
  virtual Task<Result<User>> find_user(std::string id_or_email) = 0;
};

class InvitationStore {
 public:
  virtual ~InvitationStore() = default;
  virtual Task<Result<Invitation>> create(Principal principal, std::string token_hash, Role role,
                                          std::optional<std::string> email, UnixMillis expires_at) = 0;
  // The open ones of the principal's workspace, newest first.
  virtual Task<Result<std::vector<Invitation>>> list(Principal principal) = 0;
  virtual Task<Status> revoke(Principal principal, std::string id) = 0;

  // By whoever holds the token. not_found: unknown, used, declined, revoked or expired.
  virtual Task<Result<Invitation>> find(std::string token_hash) = 0;
  // Makes the user a member and uses the invitation up. permission_denied: it is for another e-mail address;
  // already_exists: a member already (the invitation stays open).
  virtual Task<Result<WorkspaceMembership>> accept(std::string token_hash, std::string user_id) = 0;
  virtual Task<Status> decline(std::string token_hash) = 0;
};

}  // namespace librebird
