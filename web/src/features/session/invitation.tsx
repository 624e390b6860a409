import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { chooseWorkspace } from "../../api/place";
import { rest } from "../../api/rest";
import type { Invitation, Me } from "../../api/types";
import { fullTime } from "../../ui/format";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";
import { CalmPage } from "./calm_page";
import { EnterForms } from "./enter_forms";
import { useLinkToken } from "./link_token";
import { useMe } from "./use_me";

const held = "librebird.invitation";

/** Kept for this tab, so that a reload does not lose it while somebody signs in. */
function keepToken(token: string | null): void {
  try {
    if (token === null) sessionStorage.removeItem(held);
    else sessionStorage.setItem(held, token);
  } catch {
    // Then it is lost with the page.
  }
}

function keptToken(): string | null {
  try {
    return sessionStorage.getItem(held);
  } catch {
    return null;
  }
}

export function InvitationPage() {
  const given = useLinkToken("/invitation");
  useEffect(() => {
    if (given) keepToken(given);
  }, [given]);
  const token = given ?? keptToken();
  if (!token) {
    return (
      <CalmPage title="The link is incomplete">
        <p>An invitation ends with a token, and this address has none. It may have been cut short when copied.</p>
      </CalmPage>
    );
  }
  return <Look key={token} token={token} />;
}

function Look({ token }: { token: string }) {
  const found = useQuery({ queryKey: ["invitation", token], queryFn: () => rest.lookAtInvitation(token), retry: false });
  const me = useMe();
  if (found.error) {
    return (
      <CalmPage title="This invitation is no longer good">
        <p role="alert" className="notice notice-error">
          {errorText(found.error)}
        </p>
        <p>
          Ask who invited you for another one. <a href="/">Go to Libre Bird</a> if you are already a member.
        </p>
      </CalmPage>
    );
  }
  if (!found.data || me.data === undefined) {
    return (
      <CalmPage title="Looking at the invitation">
        <p role="status">One moment…</p>
      </CalmPage>
    );
  }
  return (
    <CalmPage title={`Join ${found.data.workspace.name}`}>
      <p>
        {found.data.invited_by} invites {found.data.email ?? "you"} as {found.data.role}. The invitation is good until{" "}
        {fullTime(found.data.expires_at)}.
      </p>
      {me.data ? <Answer me={me.data} token={token} /> : <Newcomer invitation={found.data} token={token} />}
    </CalmPage>
  );
}

function enter(workspaceId: string): void {
  keepToken(null);
  chooseWorkspace(workspaceId);
  location.replace("/");
}

function Answer({ me, token }: { me: Me; token: string }) {
  const [declined, setDeclined] = useState(false);
  const accept = useMutation({ mutationFn: () => rest.acceptInvitation(token), onSuccess: (joined) => enter(joined.id) });
  const decline = useMutation({
    mutationFn: () => rest.declineInvitation(token),
    onSuccess: () => {
      keepToken(null);
      setDeclined(true);
    },
  });
  if (declined) {
    return (
      <p role="status">
        Declined. <a href="/">Go to Libre Bird</a>
      </p>
    );
  }
  const problem = accept.error ?? decline.error;
  const busy = accept.isPending || decline.isPending;
  return (
    <>
      <p className="quiet">You are signed in as {me.user.email ?? me.user.display_name}.</p>
      {problem ? (
        <p role="alert" className="notice notice-error">
          {errorText(problem)}
        </p>
      ) : null}
      <div className="dialog-actions">
        <button type="button" className="button" disabled={busy} onClick={() => decline.mutate()}>
          Decline
        </button>
        <button type="button" className="button button-primary" disabled={busy} onClick={() => accept.mutate()}>
          Join
        </button>
      </div>
    </>
  );
}

/** Somebody who is not signed in: has an account already, or makes one with the invitation. */
function Newcomer({ invitation, token }: { invitation: Invitation; token: string }) {
  const client = useQueryClient();
  return (
    <EnterForms
      email={invitation.email ?? ""}
      invitation={token}
      onEntered={(me, joined) => {
        client.setQueryData(keys.me, me);
        if (joined) enter(invitation.workspace.id);
      }}
    />
  );
}
