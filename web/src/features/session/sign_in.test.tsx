import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { StrictMode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Me } from "../../api/types";
import { keys } from "../live/cache";
import { SignIn } from "./sign_in";

const me: Me = {
  user: { id: "u1", display_name: "Ada", email: null },
  workspace: { id: "w1", name: "Home", role: "owner" },
  csrf_token: "x",
  server: { version: "1", model: { provider: "p", name: "n", label: "l", demo: false } },
};

const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });
const fetchMock = vi.fn<typeof fetch>();

function show(hash: string) {
  history.replaceState(null, "", `/sign-in${hash}`);
  const client = new QueryClient();
  render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <SignIn />
      </QueryClientProvider>
    </StrictMode>,
  );
  return client;
}

beforeEach(() => {
  fetchMock.mockReset();
  vi.stubGlobal("fetch", fetchMock);
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("SignIn", () => {
  it("trades the token once, clears it from the address, and goes home", async () => {
    fetchMock.mockResolvedValue(json(200, me));
    const client = show("#token=s3cr%2Bet");
    expect(location.hash).toBe("");
    await waitFor(() => expect(location.pathname).toBe("/"));
    expect(fetchMock).toHaveBeenCalledOnce();
    const [url, init] = fetchMock.mock.calls[0] ?? [];
    expect(url).toBe("/api/v1/session");
    expect(JSON.parse(String(init?.body))).toEqual({ token: "s3cr+et" });
    expect(client.getQueryData(keys.me)).toEqual(me);
  });

  it("shows the server's words when the link was used, and how to get another", async () => {
    fetchMock.mockResolvedValue(json(401, { title: "Unauthorized", status: 401, code: "link_used", detail: "This link was used." }));
    show("#token=old");
    expect((await screen.findByRole("alert")).textContent).toBe("This link was used.");
    expect(screen.getByText("librebird sign-in-link")).toBeTruthy();
    expect(location.hash).toBe("");
    expect(location.pathname).toBe("/sign-in");
  });

  it("shows words as text, not as HTML", async () => {
    fetchMock.mockResolvedValue(json(400, { title: "x", status: 400, code: "x", detail: "<img src=x onerror=alert(1)>" }));
    show("#token=old");
    await screen.findByRole("alert");
    expect(document.querySelector("img")).toBeNull();
  });

  it("keeps the token to try again when the server cannot be reached", async () => {
    fetchMock.mockRejectedValueOnce(new TypeError("failed")).mockResolvedValueOnce(json(200, me));
    show("#token=abc");
    await userEvent.click(await screen.findByRole("button", { name: "Try again" }));
    await waitFor(() => expect(location.pathname).toBe("/"));
    expect(JSON.parse(String(fetchMock.mock.calls[1]?.[1]?.body))).toEqual({ token: "abc" });
  });

  it("asks nothing of the server without a token", async () => {
    show("");
    expect(await screen.findByText("The link is incomplete")).toBeTruthy();
    expect(fetchMock).not.toHaveBeenCalled();
  });
});
