import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Invitation, Me, Member, Role } from "../../api/types";
import { WorkspaceSettings } from "./workspace_settings";

const time = "2026-01-02T03:04:05.000Z";

function meAs(role: Role): Me {
  return {
    user: { id: "u-me", display_name: "Ada", email: null },
    workspace: { id: "w1", name: "Home", role },
    server: { version: "1", model: { provider: "p", name: "n", label: "l", demo: false } },
  };
}

function member(id: string, role: Role): Member {
  return { user_id: id, display_name: `Person ${id}`, email: `${id}@example.org`, role, joined_at: time };
}

const invitation: Invitation = {
  id: "i1",
  workspace: { id: "w1", name: "Home" },
  role: "member",
  email: null,
  invited_by: "Ada",
  created_at: time,
  expires_at: time,
};

const answers = new Map<string, unknown>();
const asked: { method: string; path: string; body: unknown }[] = [];

function show(me: Me) {
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <WorkspaceSettings me={me} />
    </QueryClientProvider>,
  );
}

beforeEach(() => {
  answers.clear();
  asked.length = 0;
  HTMLDialogElement.prototype.showModal = function open() {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function close() {
    this.open = false;
  };
  answers.set("GET /members", { items: [member("u-me", "admin"), member("owner", "owner"), member("low", "member"), member("peer", "admin")] });
  answers.set("GET /invitations", { items: [invitation] });
  answers.set("GET /workspaces", { items: [] });
  answers.set("GET /workspaces/w1/retention", { conversation_days: 0, archived_days: 90 });
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const path = url.replace("/api/v1", "");
    const body: unknown = init.body ? JSON.parse(String(init.body)) : undefined;
    asked.push({ method: init.method ?? "GET", path, body });
    const answer = answers.get(`${init.method ?? "GET"} ${path}`);
    if (answer === undefined) return Promise.resolve(new Response(null, { status: 204 }));
    return Promise.resolve(new Response(JSON.stringify(answer), { status: 200 }));
  });
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("WorkspaceSettings", () => {
  it("lets an admin change only people who stand lower, and give no role above his own", async () => {
    show(meAs("admin"));
    const rows = await screen.findAllByTestId("member");
    const changeable = rows.filter((row) => within(row).queryByRole("combobox"));
    expect(changeable.map((row) => row.textContent)).toEqual([expect.stringContaining("Person low")]);
    const roles = within(changeable[0] as HTMLElement).getAllByRole("option");
    expect(roles.map((option) => option.textContent)).toEqual(["guest", "member", "admin"]);
    await userEvent.selectOptions(within(changeable[0] as HTMLElement).getByRole("combobox"), "guest");
    await waitFor(() => expect(asked).toContainEqual({ method: "PATCH", path: "/members/low", body: { role: "guest" } }));
  });

  it("removes somebody only after a question", async () => {
    show(meAs("owner"));
    await userEvent.click(await screen.findByRole("button", { name: "Remove Person low" }));
    expect(asked.some((one) => one.method === "DELETE")).toBe(false);
    await userEvent.click(screen.getByRole("button", { name: "Remove" }));
    await waitFor(() => expect(asked).toContainEqual({ method: "DELETE", path: "/members/low", body: undefined }));
  });

  it("shows neither invitations nor changes to a member, and asks for none", async () => {
    show(meAs("member"));
    await screen.findAllByTestId("member");
    expect(screen.queryByRole("combobox")).toBeNull();
    expect(screen.queryByText("Invite somebody")).toBeNull();
    expect(screen.queryByRole("button", { name: "Rename" })).toBeNull();
    expect(asked.some((one) => one.path === "/invitations")).toBe(false);
  });

  it("shows an invitation's link once, with this server's address", async () => {
    answers.set("POST /invitations", { invitation, mailed: true, token: "t", path: "/invitation#token=t" });
    show(meAs("admin"));
    await userEvent.type(await screen.findByLabelText("E-mail address of the invited"), "kim@example.org");
    await userEvent.click(screen.getByRole("button", { name: "Invite" }));
    expect((await screen.findByTestId("invitation-link")).textContent).toBe(`${location.origin}/invitation#token=t`);
    expect(screen.getByText(/An e-mail with this link is on its way/)).toBeTruthy();
    expect(asked).toContainEqual({ method: "POST", path: "/invitations", body: { role: "member", email: "kim@example.org" } });
  });

  it("does not offer the owner to leave", async () => {
    show(meAs("owner"));
    await screen.findAllByTestId("member");
    expect(screen.queryByRole("button", { name: "Leave…" })).toBeNull();
  });
});

describe("How long conversations are kept", () => {
  const section = () => screen.findByRole("region", { name: "How long conversations are kept" });
  const sent = () => asked.filter((each) => each.path === "/workspaces/w1/retention" && each.method === "PUT").map((each) => each.body);

  it("is shown to everybody, and changed by admins only", async () => {
    show(meAs("member"));
    expect(await within(await section()).findByText(/Conversations: for ever. In the archive: 90 days/)).toBeTruthy();
    expect(within(await section()).queryByRole("button")).toBeNull();
  });

  it("asks before anything would be deleted, and sets nothing else", async () => {
    answers.set("PUT /workspaces/w1/retention", { conversation_days: 30, archived_days: 90, conversations_past: 2 });
    show(meAs("admin"));
    const days = await within(await section()).findByLabelText("Days (0: for ever)");
    await userEvent.clear(days);
    await userEvent.type(days, "30");
    await userEvent.click(within(await section()).getByRole("button", { name: "Set" }));
    const sure = await screen.findByRole("button", { name: "Delete 2 conversations" });
    expect(sent()).toEqual([{ conversation_days: 30, archived_days: 90, dry_run: true }]);
    await userEvent.click(sure);
    await waitFor(() => expect(sent()).toHaveLength(2));
    expect(sent()[1]).toEqual({ conversation_days: 30, archived_days: 90 });
  });

  it("takes only whole days", async () => {
    show(meAs("owner"));
    const days = await within(await section()).findByLabelText("Days (0: for ever)");
    for (const text of ["", "-1", "1.5", "99999", "x"]) {
      await userEvent.clear(days);
      if (text) await userEvent.type(days, text);
      expect((within(await section()).getByRole("button", { name: "Set" }) as HTMLButtonElement).disabled).toBe(true);
    }
  });
});
