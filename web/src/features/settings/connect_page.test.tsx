import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import type { ReactElement } from "react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Connections } from "./connections";
import { ConnectPage } from "./connect_page";

const answers = new Map<string, { status: number; body: unknown }>();
const asked: { method: string; path: string; body: unknown }[] = [];

const me = {
  user: { id: "u1", display_name: "Ada" },
  workspace: { id: "w1", name: "Home", role: "owner" },
  csrf_token: "c",
};

const show = (page: ReactElement) =>
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>{page}</QueryClientProvider>,
  );

beforeEach(() => {
  answers.clear();
  asked.length = 0;
  answers.set("GET /me", { status: 200, body: me });
  vi.stubGlobal("fetch", (url: string, init: RequestInit = {}) => {
    const path = url.replace(/^.*\/api\/v1/, "");
    const method = init.method ?? "GET";
    asked.push({ method, path, body: init.body ? JSON.parse(init.body as string) : undefined });
    const answer = answers.get(`${method} ${path}`) ?? { status: 404, body: { detail: "none" } };
    return Promise.resolve(new Response(answer.status === 204 ? null : JSON.stringify(answer.body), { status: answer.status }));
  });
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  history.replaceState(null, "", "/");
});

const connection = { skill: "notes", connected: true, server: "https://mcp.example/v1", issuer: "", scope: "", problem: "" };

describe("the page a browser comes back to", () => {
  it("hands over what was brought, once, and takes it out of the address", async () => {
    history.replaceState(null, "", "/connect?state=notes.s&code=c1&iss=https%3A%2F%2Fas.example");
    answers.set("PUT /skills/connection", { status: 200, body: connection });
    show(<ConnectPage />);
    await screen.findByText(/may now act for you at https:\/\/mcp.example\/v1/);
    expect(asked.filter((one) => one.method === "PUT")).toEqual([
      { method: "PUT", path: "/skills/connection", body: { state: "notes.s", code: "c1", iss: "https://as.example" } },
    ]);
    expect(location.search).toBe("");
  });

  it("asks nobody when the other side refused", async () => {
    history.replaceState(null, "", "/connect?error=access_denied&error_description=%3Cb%3Ex&state=notes.s");
    show(<ConnectPage />);
    expect((await screen.findByRole("alert")).textContent).toMatch(/did not give its permission/);
    expect(asked.some((one) => one.method === "PUT")).toBe(false);
  });

  it("says why it did not work", async () => {
    history.replaceState(null, "", "/connect?state=notes.s&code=c1");
    answers.set("PUT /skills/connection", { status: 409, body: { title: "No", detail: "Begin again: it is too old.", code: "failed_precondition" } });
    show(<ConnectPage />);
    expect((await screen.findByRole("alert")).textContent).toMatch(/too old/);
  });
});

describe("the connections in the settings", () => {
  it("shows only what can be connected, and ends a connection", async () => {
    answers.set("GET /skills", {
      status: 200,
      body: {
        items: [
          { name: "core", display_name: "Core", connectable: false, needs_connection: false },
          { name: "notes", display_name: "Notes", connectable: true, needs_connection: false },
        ],
      },
    });
    answers.set("GET /skills/notes/connection", { status: 200, body: connection });
    answers.set("DELETE /skills/notes/connection", { status: 204, body: null });
    show(<Connections />);
    await userEvent.click(await screen.findByRole("button", { name: "Disconnect" }));
    expect(screen.getAllByTestId("connection")).toHaveLength(1);
    expect(asked.some((one) => one.method === "DELETE" && one.path === "/skills/notes/connection")).toBe(true);
  });
});
