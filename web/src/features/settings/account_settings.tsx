import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rest } from "../../api/rest";
import type { Account, Session } from "../../api/types";
import { fullTime } from "../../ui/format";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";
import { EnterForm, Field } from "../session/enter_forms";
import { SecondFactor } from "./second_factor";

/** Who one is here, how one proves it, and where one is signed in. */
export function AccountSettings({ onSignedOutEverywhere }: { onSignedOutEverywhere(): void }) {
  const account = useQuery({ queryKey: keys.account, queryFn: ({ signal }) => rest.account(signal) });
  if (!account.data) {
    return account.error ? (
      <p className="notice notice-error" role="alert">
        {errorText(account.error)}
      </p>
    ) : (
      <p role="status">One moment…</p>
    );
  }
  return (
    <>
      <Profile account={account.data} />
      <Password account={account.data} />
      <SecondFactor account={account.data} />
      <Sessions onSignedOutEverywhere={onSignedOutEverywhere} />
    </>
  );
}

function Profile({ account }: { account: Account }) {
  const client = useQueryClient();
  const [name, setName] = useState(account.display_name);
  const [email, setEmail] = useState(account.email ?? "");
  const [current, setCurrent] = useState("");
  const newEmail = email.trim() !== (account.email ?? "");
  const save = useMutation({
    mutationFn: () =>
      rest.updateAccount({
        display_name: name.trim(),
        ...(newEmail ? { email: email.trim(), ...(account.has_password ? { current_password: current } : {}) } : {}),
      }),
    onSuccess: (saved) => {
      setCurrent("");
      client.setQueryData(keys.account, saved);
      return client.invalidateQueries({ queryKey: keys.me });
    },
    gcTime: 0,
  });
  const verify = useMutation({ mutationFn: () => rest.mailVerification() });
  return (
    <section aria-label="Profile">
      <EnterForm name="Profile" action="Save" busy={save.isPending} problem={save.error ?? verify.error} onSubmit={() => save.mutate()}>
        <Field label="Your name" value={name} onChange={setName} autoComplete="name" />
        <Field label="E-mail address" type="email" value={email} onChange={setEmail} autoComplete="email" />
        {newEmail && account.has_password ? (
          <Field label="Your password, to change the address" type="password" value={current} onChange={setCurrent} autoComplete="current-password" />
        ) : null}
      </EnterForm>
      {account.email && !account.email_verified_at ? (
        <p className="quiet">
          The address is not confirmed.{" "}
          {verify.isSuccess ? (
            "A link is on its way."
          ) : (
            <button type="button" className="link-button" disabled={verify.isPending} onClick={() => verify.mutate()}>
              Mail me a link
            </button>
          )}
        </p>
      ) : null}
    </section>
  );
}

function Password({ account }: { account: Account }) {
  const client = useQueryClient();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const change = useMutation({
    mutationFn: () => rest.changePassword(password, account.has_password ? current : null),
    onSuccess: () => {
      setCurrent("");
      setPassword("");
      void client.invalidateQueries({ queryKey: keys.sessions });
      return client.invalidateQueries({ queryKey: keys.account });
    },
    gcTime: 0,
  });
  return (
    <section aria-label="Password">
      <h3>{account.has_password ? "Change your password" : "Set a password"}</h3>
      <EnterForm
        name="Password"
        action={account.has_password ? "Change it" : "Set it"}
        busy={change.isPending}
        problem={change.error}
        onSubmit={() => change.mutate()}
      >
        {account.has_password ? (
          <Field label="Current password" type="password" value={current} onChange={setCurrent} autoComplete="current-password" />
        ) : null}
        <Field
          label="New password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          minLength={10}
          hint="At least 10 characters. Everywhere else you are signed out."
        />
      </EnterForm>
      {change.isSuccess ? <p role="status">Done.</p> : null}
    </section>
  );
}

function Sessions({ onSignedOutEverywhere }: { onSignedOutEverywhere(): void }) {
  const client = useQueryClient();
  const list = useQuery({ queryKey: keys.sessions, queryFn: ({ signal }) => rest.sessions(signal) });
  const all = useMutation({ mutationFn: () => rest.endAllSessions(), onSuccess: onSignedOutEverywhere });
  const problem = all.error ?? (list.data ? null : list.error);
  return (
    <section aria-label="Where you are signed in">
      <h3>Where you are signed in</h3>
      {problem ? (
        <p className="notice notice-error" role="alert">
          {errorText(problem)}
        </p>
      ) : null}
      <ul className="rows">
        {list.data?.items.map((session) => (
          <Signed key={session.id} session={session} onEnded={() => client.invalidateQueries({ queryKey: keys.sessions })} />
        ))}
      </ul>
      <div className="row-end">
        <button type="button" className="button" disabled={all.isPending} onClick={() => all.mutate()}>
          Sign out everywhere
        </button>
      </div>
    </section>
  );
}

function Signed({ session, onEnded }: { session: Session; onEnded(): Promise<void> }) {
  const end = useMutation({ mutationFn: () => rest.endSession(session.id), onSettled: onEnded });
  const what = session.kind === "browser" ? "A browser" : "A program";
  return (
    <li data-testid="session">
      <div className="row-text">
        <strong>{session.current ? "This browser" : what}</strong> <span className="quiet">{session.address}</span>
        <p className="quiet">
          {end.error ? errorText(end.error) : `${session.user_agent ? `${session.user_agent} · ` : ""}last used ${fullTime(session.last_used_at)}`}
        </p>
      </div>
      {session.current ? null : (
        <button type="button" className="button button-small" disabled={end.isPending} onClick={() => end.mutate()}>
          Sign out
        </button>
      )}
    </li>
  );
}
