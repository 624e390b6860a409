import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { rest } from "../../api/rest";
import { errorText } from "../../ui/toast";
import { CalmPage } from "./calm_page";
import { EnterForm, Field } from "./enter_forms";
import { useLinkToken } from "./link_token";

function Incomplete() {
  return (
    <CalmPage title="The link is incomplete">
      <p>It ends with a token, and this address has none. It may have been cut short when copied.</p>
    </CalmPage>
  );
}

/** Opened by the link that was mailed to somebody who forgot the password. */
export function ResetPassword() {
  const token = useLinkToken("/reset-password");
  const [password, setPassword] = useState("");
  const set = useMutation({ mutationFn: () => rest.resetPassword(token ?? "", password), gcTime: 0 });
  if (!token) return <Incomplete />;
  if (set.isSuccess) {
    return (
      <CalmPage title="The password is changed">
        <p role="status">Everybody who was signed in as you is signed out.</p>
        <p>
          <a href="/">Sign in</a>
        </p>
      </CalmPage>
    );
  }
  return (
    <CalmPage title="Choose a new password">
      <EnterForm name="New password" action="Change it" busy={set.isPending} problem={set.error} onSubmit={() => set.mutate()}>
        <Field
          label="New password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          minLength={10}
          hint="At least 10 characters; a few words are best."
          autoFocus
        />
      </EnterForm>
    </CalmPage>
  );
}

/** Opened by the link that proves an e-mail address. */
export function VerifyEmail() {
  const token = useLinkToken("/verify-email");
  const verify = useMutation({ mutationFn: (given: string) => rest.verifyEmail(given) });
  const asked = useRef<string | null>(null);
  const { mutate } = verify;
  useEffect(() => {
    if (!token || asked.current === token) return;
    asked.current = token;
    mutate(token);
  }, [token, mutate]);
  if (!token) return <Incomplete />;
  if (verify.error) {
    return (
      <CalmPage title="This link did not work">
        <p role="alert" className="notice notice-error">
          {errorText(verify.error)}
        </p>
      </CalmPage>
    );
  }
  return (
    <CalmPage title={verify.isSuccess ? "Your address is confirmed" : "Confirming your address"}>
      <p role="status">{verify.isSuccess ? <a href="/">Go to Libre Bird</a> : "One moment…"}</p>
    </CalmPage>
  );
}
