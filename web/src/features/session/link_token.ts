import { useEffect, useState } from "react";

function fragmentToken(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

/**
 * The token of a one-time link's fragment, taken out of the address and so of the history. For a page that is opened by
 * such a link; another link pasted into its tab changes only the fragment.
 */
export function useLinkToken(page: string): string | null {
  const [token, setToken] = useState(fragmentToken);
  useEffect(() => {
    const take = () => {
      if (!location.hash) return;
      const given = fragmentToken();
      history.replaceState(null, "", page);
      if (given) setToken(given);
    };
    take();
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, [page]);
  return token;
}
