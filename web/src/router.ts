import { useSyncExternalStore } from "react";

const namedPages = ["sign-in", "invitation", "reset-password", "verify-email", "connect"] as const;

export type Route =
  | { page: "new" }
  | { page: "conversation"; id: string }
  | { page: (typeof namedPages)[number] };

export function parseRoute(pathname: string): Route {
  const named = namedPages.find((page) => pathname === `/${page}` || pathname === `/${page}/`);
  if (named) return { page: named };
  const id = /^\/c\/([^/]+)\/?$/.exec(pathname)?.[1];
  if (!id) return { page: "new" };
  try {
    return { page: "conversation", id: decodeURIComponent(id) };
  } catch {
    return { page: "new" };
  }
}

export function conversationPath(id: string): string {
  return `/c/${encodeURIComponent(id)}`;
}

const listeners = new Set<() => void>();
const tell = () => {
  for (const listener of listeners) listener();
};
window.addEventListener("popstate", tell);

export function navigate(path: string, { replace = false } = {}): void {
  if (path === location.pathname && !location.hash) return;
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  tell();
}

export function usePath(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => location.pathname,
  );
}
