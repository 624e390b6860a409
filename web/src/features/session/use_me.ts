import { useQuery } from "@tanstack/react-query";
import { ApiError, rest } from "../../api/rest";
import type { Me } from "../../api/types";
import { keys } from "../live/cache";

/** Who is signed in; null: nobody; undefined: not known yet. */
export function useMe() {
  return useQuery<Me | null>({
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
}
