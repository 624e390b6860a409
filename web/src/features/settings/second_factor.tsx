import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { rest } from "../../api/rest";
import type { Account } from "../../api/types";
import { CopyButton } from "../../ui/copy_button";
import { keys } from "../live/cache";
import { EnterForm, Field } from "../session/enter_forms";

/** Codes of an authenticator app (RFC 6238) beside the password. */
export function SecondFactor({ account }: { account: Account }) {
  return (
    <section aria-label="Second factor">
      <h3>Second factor</h3>
      {account.second_factor ? <Remove account={account} /> : <SetUp account={account} />}
    </section>
  );
}

function SetUp({ account }: { account: Account }) {
  const client = useQueryClient();
  const [current, setCurrent] = useState("");
  const [code, setCode] = useState("");
  const begin = useMutation({
    mutationFn: () => rest.beginSecondFactor(account.has_password ? current : null),
    onSuccess: () => setCurrent(""),
    gcTime: 0,
  });
  const confirm = useMutation({ mutationFn: () => rest.confirmSecondFactor(code.trim()), gcTime: 0 });
  if (confirm.data) {
    const codes = confirm.data.recovery_codes;
    return (
      <div className="notice notice-secret" role="status">
        <p>The second factor is on. Keep these codes: each lets you in once without the app. They are not shown again.</p>
        <ul className="recovery-codes">
          {codes.map((each) => (
            <li key={each}>
              <code>{each}</code>
            </li>
          ))}
        </ul>
        <CopyButton text={codes.join("\n")} label="Copy the codes" />
        <button type="button" className="button button-small" onClick={() => void client.invalidateQueries({ queryKey: keys.account })}>
          I have kept them
        </button>
      </div>
    );
  }
  if (!begin.data) {
    return (
      <EnterForm name="Second factor" action="Set it up" busy={begin.isPending} problem={begin.error} onSubmit={() => begin.mutate()}>
        <p className="quiet">A code of an authenticator app is asked for after the password.</p>
        {account.has_password ? (
          <Field label="Current password" type="password" value={current} onChange={setCurrent} autoComplete="current-password" />
        ) : null}
      </EnterForm>
    );
  }
  return (
    <EnterForm name="Second factor" action="Turn it on" busy={confirm.isPending} problem={confirm.error} onSubmit={() => confirm.mutate()}>
      <p>
        Add this key to your authenticator app, or <a href={begin.data.uri}>open the app</a> on this device. Then type the code it
        shows.
      </p>
      <div className="command">
        <code data-testid="totp-secret">{begin.data.secret}</code>
        <CopyButton text={begin.data.secret} label="Copy the key" />
      </div>
      <Field label="Code" value={code} onChange={setCode} autoComplete="one-time-code" inputMode="numeric" autoFocus />
    </EnterForm>
  );
}

function Remove({ account }: { account: Account }) {
  const client = useQueryClient();
  const [code, setCode] = useState("");
  const remove = useMutation({
    mutationFn: () => rest.removeSecondFactor(code.trim()),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.account }),
    gcTime: 0,
  });
  return (
    <EnterForm name="Second factor" action="Turn it off" busy={remove.isPending} problem={remove.error} onSubmit={() => remove.mutate()}>
      <p className="quiet">It is on, with {account.recovery_codes} recovery codes left.</p>
      <Field label="Code of your authenticator, or a recovery code" value={code} onChange={setCode} autoComplete="one-time-code" />
    </EnterForm>
  );
}
