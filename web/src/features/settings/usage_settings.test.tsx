import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Usage } from "../../api/types";
import { UsageSettings } from "./usage_settings";

const usage: Usage = {
  used: { messages_today: 3, tokens_today: 10, tokens_this_month: 12_345, cost_this_month: 2_500_000, bytes: 9 },
  limits: [
    { of: "user", what: "messages_a_day", used: 3, limit: 5, raised_by: "operator", resets_at: "2026-01-02T00:00:00.000Z" },
    { of: "workspace", what: "bytes", used: 9, limit: 1000, raised_by: "admin", resets_at: null },
  ],
};

const asked: { method: string; path: string; body: unknown }[] = [];
let answer: () => Response;

function show() {
  const onErased = vi.fn();
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <UsageSettings onErased={onErased} />
    </QueryClientProvider>,
  );
  return onErased;
}

beforeEach(() => {
  asked.length = 0;
  answer = () => new Response(null, { status: 204 });
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const path = url.replace("/api/v1", "");
    if (path === "/me/usage") return Promise.resolve(new Response(JSON.stringify(usage)));
    const body: unknown = init.body instanceof Blob ? init.body : init.body ? JSON.parse(String(init.body)) : undefined;
    asked.push({ method: init.method ?? "GET", path, body });
    return Promise.resolve(answer());
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("use and limits", () => {
  it("says what is used, of which limit, and who raises it", async () => {
    show();
    const limits = await screen.findAllByTestId("limit");
    expect(limits).toHaveLength(2);
    expect(limits[0]?.textContent).toContain("3 of 5 messages today");
    expect(limits[0]?.textContent).toContain("the operator can raise it");
    expect(limits[1]?.textContent).toContain("deleting conversations makes room; an admin can raise it");
    expect(screen.getByText("12,345")).toBeTruthy();
    expect(screen.getByText("2.50")).toBeTruthy();
  });

  it("brings an archive in as it is, and says what came of it", async () => {
    const report = { dry_run: false, tables: [{ table: "tasks", added: 2, known: 1, left_out: 0 }], files: { added: 4, known: 5, left_out: 3 } };
    answer = () => new Response(JSON.stringify(report));
    show();
    const section = within(screen.getByRole("region", { name: "Bring an export in" }));
    expect((section.getByRole("button", { name: "Import" }) as HTMLButtonElement).disabled).toBe(true);
    const archive = new File(["bytes"], "librebird-export.tar.gz", { type: "application/gzip" });
    await userEvent.upload(section.getByLabelText("The archive"), archive);
    await userEvent.click(section.getByRole("button", { name: "Import" }));
    expect(await section.findByText("tasks: 2 added, 1 there already")).toBeTruthy();
    expect(section.getByText("files of skills and tools: 4 added, 5 there already")).toBeTruthy();
    expect(section.getByText("3 files are left out: others stand in their place, or the folder is shared.")).toBeTruthy();
    expect(asked).toEqual([{ method: "POST", path: "/me/import", body: archive }]);
  });

  it("says why an archive was refused", async () => {
    const problem = { title: "Bad Request", status: 400, code: "invalid_argument", detail: "The archive cannot be used." };
    answer = () => new Response(JSON.stringify(problem), { status: 400 });
    show();
    const section = within(screen.getByRole("region", { name: "Bring an export in" }));
    await userEvent.upload(section.getByLabelText("The archive"), new File(["x"], "x.tar.gz", { type: "application/gzip" }));
    await userEvent.click(section.getByRole("button", { name: "Import" }));
    expect((await section.findByRole("alert")).textContent).toContain("The archive cannot be used.");
  });

  it("erases only when it was said twice, with the password", async () => {
    const onErased = show();
    const form = within(screen.getByRole("region", { name: "Erase your account" }));
    await userEvent.type(form.getByLabelText("Your password"), "secret word");
    await userEvent.click(form.getByRole("button", { name: "Erase" }));
    expect(asked).toEqual([]);
    await userEvent.click(form.getByRole("button", { name: "Erase it for good" }));
    await waitFor(() => expect(onErased).toHaveBeenCalled());
    expect(asked).toEqual([{ method: "DELETE", path: "/me", body: { current_password: "secret word" } }]);
  });

  it("keeps the account when the password is wrong, and says so", async () => {
    const problem = { title: "Forbidden", status: 409, code: "failed_precondition", detail: "Hand the workspace over first." };
    answer = () => new Response(JSON.stringify(problem), { status: 409 });
    const onErased = show();
    const form = within(screen.getByRole("region", { name: "Erase your account" }));
    await userEvent.type(form.getByLabelText("Your password"), "x");
    await userEvent.click(form.getByRole("button", { name: "Erase" }));
    await userEvent.click(form.getByRole("button", { name: "Erase it for good" }));
    expect(await form.findByText(/Hand the workspace over first/)).toBeTruthy();
    expect(onErased).not.toHaveBeenCalled();
  });

  it("hands over the archive as a file", async () => {
    answer = () => new Response("archive");
    const make = vi.fn(() => "blob:it");
    vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: make, revokeObjectURL: () => {} }));
    const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
    show();
    await userEvent.click(screen.getByRole("button", { name: "Export" }));
    await waitFor(() => expect(click).toHaveBeenCalled());
    expect(asked).toEqual([{ method: "POST", path: "/me/export", body: {} }]);
    expect(make).toHaveBeenCalledOnce();
  });
});
