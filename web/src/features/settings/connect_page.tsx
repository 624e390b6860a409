import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { rest } from "../../api/rest";
import { errorText } from "../../ui/toast";
import { CalmPage } from "../session/calm_page";
import { SignedOut } from "../session/signed_out";
import { useMe } from "../session/use_me";

interface Answer {
  state: string;
  code: string;
  iss?: string;
}

/** What the authorization server sent along: taken once, and out of the address at once. */
function takeAnswer(): Answer | "refused" | null {
  const given = new URLSearchParams(location.search);
  if (location.search) history.replaceState(null, "", "/connect");
  const state = given.get("state");
  const code = given.get("code");
  const iss = given.get("iss");
  if (given.has("error")) return "refused";
  return state && code ? { state, code, ...(iss === null ? {} : { iss }) } : null;
}

/** Where the browser comes back to from the authorization server of a skill. */
export function ConnectPage() {
  const [answer] = useState(takeAnswer);
  const me = useMe();
  const finish = useMutation({ mutationFn: (brought: Answer) => rest.finishConnection(brought), gcTime: 0 });
  const begun = useRef(false);
  const { mutate } = finish;
  const signedIn = Boolean(me.data);
  useEffect(() => {
    if (!signedIn || begun.current || answer === null || answer === "refused") return;
    begun.current = true;
    mutate(answer);
  }, [answer, signedIn, mutate]);
  const home = (
    <p>
      <a href="/">Go to Libre Bird</a>
    </p>
  );
  if (answer === null) {
    return (
      <CalmPage title="Nothing to connect">
        <p>Connecting begins in the settings, under Tools.</p>
        {home}
      </CalmPage>
    );
  }
  if (answer === "refused") {
    return (
      <CalmPage title="Not connected">
        <p role="alert">The other server did not give its permission. Nothing has changed; you can begin again.</p>
        {home}
      </CalmPage>
    );
  }
  if (me.data === null) return <SignedOut />;
  if (finish.error) {
    return (
      <CalmPage title="Not connected">
        <p role="alert" className="notice notice-error">
          {errorText(finish.error)}
        </p>
        {home}
      </CalmPage>
    );
  }
  if (!finish.data) {
    return (
      <CalmPage title="Connecting">
        <p role="status">One moment…</p>
      </CalmPage>
    );
  }
  return (
    <CalmPage title="Connected">
      <p role="status">
        {finish.data.skill} may now act for you at {finish.data.server}. You can end that in the settings, under Tools.
      </p>
      {finish.data.problem ? <p className="notice notice-error">{finish.data.problem}</p> : null}
      {home}
    </CalmPage>
  );
}
