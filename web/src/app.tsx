import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { ApiError, rest, setUnauthorizedHandler } from "./api/rest";
import type { Me } from "./api/types";
import { Workspace } from "./features/workspace";
import { keys } from "./features/live/cache";
import { SignIn } from "./features/session/sign_in";
import { SignedOut, Unreachable } from "./features/session/signed_out";
import { parseRoute, usePath } from "./router";

export function App() {
  const route = parseRoute(usePath());
  return route.page === "sign-in" ? <SignIn /> : <WithSession />;
}

function WithSession() {
  const client = useQueryClient();
  const me = useQuery<Me | null>({
    queryKey: keys.me,
    queryFn: async ({ signal }) => {
      try {
        return await rest.me(signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    // While nothing is known yet, keep asking: the server may be starting.
    refetchInterval: (query) => (query.state.status === "error" && !query.state.data ? 3_000 : false),
  });

  useEffect(() => {
    setUnauthorizedHandler(() => client.setQueryData(keys.me, null));
    return () => setUnauthorizedHandler(() => {});
  }, [client]);

  if (me.data) return <Workspace key={me.data.user.id} me={me.data} />;
  if (me.data === null) return <SignedOut />;
  if (me.isError) return <Unreachable error={me.error} onRetry={() => void me.refetch()} />;
  return <div className="page-loading" role="status" aria-label="Loading" />;
}
