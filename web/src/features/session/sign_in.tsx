import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ApiError, NetworkError, rest } from "../../api/rest";
import type { Me } from "../../api/types";
import { navigate } from "../../router";
import { keys } from "../live/cache";
import { CalmPage } from "./calm_page";
import { Code } from "./enter_forms";
import { LinkHelp } from "./signed_out";

type Step =
  | { step: "asking" }
  | { step: "no-token" }
  | { step: "code"; ticket: string }
  | { step: "failed"; detail: string; mayRetry: boolean };

/** How a sign-in at an identity provider ended without one (docs/sign-in.md). */
const providerErrors: Record<string, string> = {
  denied: "It was cancelled at the provider, or the account is disabled.",
  expired: "It took too long, was finished already, or began in another browser: begin again.",
  no_account: "Nobody here has this identity. Sign in another way once, and link it in the settings.",
  already_linked: "Another account here is linked with this identity.",
  provider_unavailable: "The provider does not answer, or refused. Try again later.",
  too_many: "There were too many attempts. Try again later.",
};

/** Trades the one-time token of the link's fragment for a session, and takes it out of the history. */
export function SignIn() {
  const client = useQueryClient();
  const [state, setState] = useState<Step>({ step: "asking" });
  const token = useRef<string | null>(null);
  const running = useRef(false);

  const entered = (me: Me) => {
    client.clear();
    client.setQueryData(keys.me, me);
    navigate("/", { replace: true });
  };

  const trade = async () => {
    if (running.current || !token.current) return;
    running.current = true;
    setState({ step: "asking" });
    try {
      const me = await rest.signIn(token.current);
      token.current = null;
      entered(me);
    } catch (error) {
      const detail = error instanceof Error ? error.message : "Sign-in failed.";
      const mayRetry = error instanceof NetworkError || (error instanceof ApiError && error.retryable);
      setState({ step: "failed", detail, mayRetry });
    } finally {
      running.current = false;
    }
  };

  useEffect(() => {
    const begin = () => {
      const fragment = new URLSearchParams(location.hash.slice(1));
      const refusal = new URLSearchParams(location.search).get("error");
      if (location.hash || refusal) history.replaceState(null, "", "/sign-in");
      if (refusal) {
        setState({ step: "failed", detail: providerErrors[refusal] ?? "The sign-in failed.", mayRetry: false });
        return;
      }
      const ticket = fragment.get("ticket");
      if (ticket) {
        setState({ step: "code", ticket });
        return;
      }
      token.current = fragment.get("token") ?? token.current;
      if (token.current) void trade();
      else setState({ step: "no-token" });
    };
    begin();
    // Another link pasted into this tab changes only the fragment.
    window.addEventListener("hashchange", begin);
    return () => window.removeEventListener("hashchange", begin);
    // Once, with the link the page was opened with.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  if (state.step === "code") {
    return (
      <CalmPage title="One more step">
        <Code ticket={state.ticket} onEntered={entered} onBack={() => navigate("/", { replace: true })} />
      </CalmPage>
    );
  }
  if (state.step === "asking") {
    return (
      <CalmPage title="Signing you in">
        <p role="status">One moment…</p>
      </CalmPage>
    );
  }
  return (
    <CalmPage title={state.step === "failed" ? "This link did not work" : "The link is incomplete"}>
      {state.step === "failed" ? (
        <p role="alert" className="notice notice-error">
          {state.detail}
        </p>
      ) : (
        <p>A sign-in link ends with a token, and this address has none. It may have been cut short when copied.</p>
      )}
      {state.step === "failed" && state.mayRetry ? (
        <button type="button" className="button button-primary" onClick={() => void trade()}>
          Try again
        </button>
      ) : (
        <LinkHelp />
      )}
      <p>
        <a href="/">Go to Libre Bird</a> if you are already signed in.
      </p>
    </CalmPage>
  );
}
