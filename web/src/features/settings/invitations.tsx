import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rest } from "../../api/rest";
import type { Invitation, Me, Role } from "../../api/types";
import { CopyButton } from "../../ui/copy_button";
import { fullTime } from "../../ui/format";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";
import { roleNames, rolesToGive } from "./roles";

/** Inviting people by a link that is good once; with an address, for that person only. */
export function Invitations({ me }: { me: Me }) {
  const client = useQueryClient();
  const list = useQuery({ queryKey: keys.invitations, queryFn: ({ signal }) => rest.invitations(signal) });
  const [role, setRole] = useState<Role>("member");
  const [email, setEmail] = useState("");
  const refresh = () => client.invalidateQueries({ queryKey: keys.invitations });
  const invite = useMutation({
    mutationFn: () => rest.invite(role, email.trim() || null),
    onSuccess: () => {
      setEmail("");
      return refresh();
    },
    // The link is shown once and kept nowhere.
    gcTime: 0,
  });
  const problem = invite.error ?? (list.data ? null : list.error);
  const link = invite.data ? location.origin + invite.data.path : "";
  return (
    <section aria-label="Invitations">
      <h3>Invite somebody</h3>
      <form
        className="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          invite.mutate();
        }}
      >
        <input
          className="input"
          type="email"
          value={email}
          maxLength={254}
          placeholder="E-mail address (or nobody in particular)"
          aria-label="E-mail address of the invited"
          onChange={(event) => setEmail(event.target.value)}
        />
        <select className="input select" value={role} aria-label="Role" onChange={(event) => setRole(event.target.value as Role)}>
          {rolesToGive(me.workspace.role).map((each) => (
            <option key={each} value={each} title={roleNames[each]}>
              {each}
            </option>
          ))}
        </select>
        <button type="submit" className="button button-primary" disabled={invite.isPending}>
          Invite
        </button>
      </form>
      {problem ? (
        <p className="notice notice-error" role="alert">
          {errorText(problem)}
        </p>
      ) : null}
      {invite.data ? (
        <div className="notice notice-secret" role="status">
          <p>
            {invite.data.mailed
              ? `An e-mail with this link is on its way to ${invite.data.invitation.email}; you may give it yourself, too.`
              : `Give this link to ${invite.data.invitation.email ?? "the person you invite"}.`}{" "}
            It is good once, until{" "}
            {fullTime(invite.data.invitation.expires_at)}, and is not shown again.
          </p>
          <div className="command">
            <code data-testid="invitation-link">{link}</code>
            <CopyButton text={link} label="Copy the link" />
          </div>
        </div>
      ) : null}
      <ul className="rows">
        {list.data?.items.map((open) => (
          <Open key={open.id} invitation={open} onRevoked={refresh} />
        ))}
      </ul>
    </section>
  );
}

function Open({ invitation, onRevoked }: { invitation: Invitation; onRevoked(): Promise<void> }) {
  const revoke = useMutation({ mutationFn: () => rest.revokeInvitation(invitation.id), onSettled: onRevoked });
  const who = invitation.email ?? "Whoever has the link";
  return (
    <li data-testid="invitation">
      <div className="row-text">
        <strong>{who}</strong> <span className="quiet">as {invitation.role}</span>
        <p className="quiet">
          {revoke.error ? errorText(revoke.error) : `Invited by ${invitation.invited_by}, until ${fullTime(invitation.expires_at)}`}
        </p>
      </div>
      <button
        type="button"
        className="button button-small"
        disabled={revoke.isPending}
        aria-label={`Revoke the invitation of ${who}`}
        onClick={() => revoke.mutate()}
      >
        Revoke
      </button>
    </li>
  );
}
