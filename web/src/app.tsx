import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { setUnauthorizedHandler } from "./api/rest";
import { Workspace } from "./features/workspace";
import { keys } from "./features/live/cache";
import { ConnectPage } from "./features/settings/connect_page";
import { InvitationPage } from "./features/session/invitation";
import { ResetPassword, VerifyEmail } from "./features/session/mailed_links";
import { SignIn } from "./features/session/sign_in";
import { SignedOut, Unreachable } from "./features/session/signed_out";
import { useMe } from "./features/session/use_me";
import { parseRoute, usePath } from "./router";

export function App() {
  const route = parseRoute(usePath());
  switch (route.page) {
    case "sign-in":
      return <SignIn />;
    case "invitation":
      return <InvitationPage />;
    case "reset-password":
      return <ResetPassword />;
    case "verify-email":
      return <VerifyEmail />;
    case "connect":
      return <ConnectPage />;
    default:
      return <WithSession />;
  }
}

function WithSession() {
  const client = useQueryClient();
  const me = useMe();

  useEffect(() => {
    setUnauthorizedHandler(() => client.setQueryData(keys.me, null));
    return () => setUnauthorizedHandler(() => {});
  }, [client]);

  if (me.data) return <Workspace key={me.data.user.id} me={me.data} />;
  if (me.data === null) return <SignedOut />;
  if (me.isError) return <Unreachable error={me.error} onRetry={() => void me.refetch()} />;
  return <div className="page-loading" role="status" aria-label="Loading" />;
}
