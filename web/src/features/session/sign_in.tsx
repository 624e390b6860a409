import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ApiError, NetworkError, rest } from "../../api/rest";
import { navigate } from "../../router";
import { keys } from "../live/cache";
import { CalmPage } from "./calm_page";
import { LinkHelp } from "./signed_out";

type Step = { step: "asking" } | { step: "no-token" } | { step: "failed"; detail: string; mayRetry: boolean };

/** Trades the one-time token of the link's fragment for a session, and takes it out of the history. */
export function SignIn() {
  const client = useQueryClient();
  const [state, setState] = useState<Step>({ step: "asking" });
  const token = useRef<string | null>(null);
  const running = useRef(false);

  const trade = async () => {
    if (running.current || !token.current) return;
    running.current = true;
    setState({ step: "asking" });
    try {
      const me = await rest.signIn(token.current);
      token.current = null;
      client.clear();
      client.setQueryData(keys.me, me);
      navigate("/", { replace: true });
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
      if (location.hash) {
        token.current = new URLSearchParams(location.hash.slice(1)).get("token");
        history.replaceState(null, "", "/sign-in");
      }
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
