import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { StrictMode, type ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Me, SignInMethods } from "../../api/types";
import { EnterForms } from "./enter_forms";
import { InvitationPage } from "./invitation";
import { ResetPassword, VerifyEmail } from "./mailed_links";

const me: Me = {
  user: { id: "u1", display_name: "Kim", email: "kim@example.org" },
  workspace: { id: "w1", name: "Home", role: "member" },
  csrf_token: "x",
  server: { version: "1", model: { provider: "p", name: "n", label: "l", demo: false } },
};
const invitation = {
  id: "i1",
  workspace: { id: "w1", name: "The Office" },
  role: "member",
  email: "kim@example.org",
  invited_by: "Ada",
  created_at: "2026-01-02T03:04:05.000Z",
  expires_at: "2026-01-05T03:04:05.000Z",
};

type Answer = [status: number, body?: unknown];
const answers = new Map<string, Answer>();
const asked: { path: string; body: unknown }[] = [];
const bodiesOf = (path: string) => asked.filter((one) => one.path === path).map((one) => one.body);

function methods(change: Partial<SignInMethods> = {}) {
  answers.set("/auth/methods", [200, { password: true, mail_link: true, registration: "invitation", ...change }]);
}

function show(what: ReactNode) {
  render(
    <StrictMode>
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>{what}</QueryClientProvider>
    </StrictMode>,
  );
}

beforeEach(() => {
  answers.clear();
  asked.length = 0;
  sessionStorage.clear();
  methods();
  answers.set("/me", [401, { title: "Unauthorized", status: 401, code: "unauthenticated", detail: "Nobody is signed in." }]);
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const path = url.replace("/api/v1", "");
    asked.push({ path, body: init.body ? JSON.parse(String(init.body)) : undefined });
    const [status, body] = answers.get(path) ?? [204];
    return Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status }));
  });
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  history.replaceState(null, "", "/");
});

const type = async (label: string | RegExp, text: string) => userEvent.type(await screen.findByLabelText(label, { selector: "input" }), text);
const press = (name: string) => userEvent.click(screen.getByRole("button", { name }));

describe("EnterForms", () => {
  it("signs in with a password, and then asks for the second factor if there is one", async () => {
    answers.set("/auth/sign-in", [202, { second_factor_required: true, ticket: "t1", expires_in: 300 }]);
    answers.set("/auth/second-factor", [200, me]);
    const entered = vi.fn();
    show(<EnterForms onEntered={entered} />);
    await type("E-mail address", "kim@example.org");
    await type("Password", "correct horse");
    await press("Sign in");
    await type(/Code of your authenticator/, " 123456 ");
    expect(entered).not.toHaveBeenCalled();
    await press("Sign in");
    await waitFor(() => expect(entered).toHaveBeenCalledWith(me, false));
    expect(bodiesOf("/auth/second-factor")).toEqual([{ ticket: "t1", code: "123456" }]);
  });

  it("shows the server's words after a wrong password, and stays", async () => {
    answers.set("/auth/sign-in", [401, { title: "x", status: 401, code: "unauthenticated", detail: "Wrong address or password." }]);
    const entered = vi.fn();
    show(<EnterForms onEntered={entered} />);
    await type("E-mail address", "kim@example.org");
    await type("Password", "wrong");
    await press("Sign in");
    expect((await screen.findByRole("alert")).textContent).toBe("Wrong address or password.");
    expect(entered).not.toHaveBeenCalled();
  });

  it("offers only what the server offers", async () => {
    methods({ mail_link: false });
    show(<EnterForms onEntered={() => {}} />);
    await screen.findByLabelText("Password");
    await waitFor(() => expect(bodiesOf("/auth/methods")).not.toEqual([]));
    expect(screen.queryByText("Make an account")).toBeNull();
    expect(screen.queryByText("E-mail me a sign-in link")).toBeNull();
  });

  it("says the same about a mailed link whether or not there is such an account", async () => {
    answers.set("/auth/magic-link", [202]);
    show(<EnterForms onEntered={() => {}} />);
    await userEvent.click(await screen.findByText("E-mail me a sign-in link"));
    await type("E-mail address", "who@example.org");
    await press("Send the link");
    expect((await screen.findByRole("status")).textContent).toContain("If who@example.org has an account here");
  });
});

describe("InvitationPage", () => {
  it("makes an account with the invitation, and enters", async () => {
    answers.set("/invitations/look", [200, invitation]);
    answers.set("/auth/register", [201, { status: "ready" }]);
    answers.set("/auth/sign-in", [200, me]);
    history.replaceState(null, "", "/invitation#token=inv1");
    show(<InvitationPage />);
    expect(await screen.findByText("Join The Office")).toBeTruthy();
    expect(location.hash).toBe("");
    await type("Your name", "Kim");
    await type(/^Password/, "correct horse battery");
    await press("Make the account");
    await waitFor(() => expect(bodiesOf("/auth/sign-in")).toHaveLength(1));
    expect(bodiesOf("/auth/register")).toEqual([
      { email: "kim@example.org", password: "correct horse battery", display_name: "Kim", invitation: "inv1" },
    ]);
    expect(localStorage.getItem("librebird.workspace")).toBe("w1");
  });

  it("lets who is signed in decline", async () => {
    answers.set("/invitations/look", [200, invitation]);
    answers.set("/me", [200, me]);
    history.replaceState(null, "", "/invitation#token=inv1");
    show(<InvitationPage />);
    await userEvent.click(await screen.findByRole("button", { name: "Decline" }));
    expect((await screen.findByText(/Declined/)).textContent).toContain("Declined");
    expect(bodiesOf("/invitations/decline")).toEqual([{ token: "inv1" }]);
  });

  it("says when it is no longer good", async () => {
    answers.set("/invitations/look", [404, { title: "x", status: 404, code: "not_found", detail: "It was used." }]);
    history.replaceState(null, "", "/invitation#token=inv1");
    show(<InvitationPage />);
    expect((await screen.findByRole("alert")).textContent).toBe("It was used.");
  });
});

describe("mailed links", () => {
  it("changes a forgotten password", async () => {
    history.replaceState(null, "", "/reset-password#token=r1");
    show(<ResetPassword />);
    await type(/New password/, "correct horse battery");
    await press("Change it");
    expect(await screen.findByText("The password is changed")).toBeTruthy();
    expect(bodiesOf("/auth/reset-password/confirm")).toEqual([{ token: "r1", password: "correct horse battery" }]);
    expect(location.hash).toBe("");
  });

  it("confirms an address once, also when the page is rendered twice", async () => {
    history.replaceState(null, "", "/verify-email#token=v1");
    show(<VerifyEmail />);
    expect(await screen.findByText("Your address is confirmed")).toBeTruthy();
    expect(bodiesOf("/auth/verify-email")).toEqual([{ token: "v1" }]);
  });
});
