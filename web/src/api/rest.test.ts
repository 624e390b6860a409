import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError, rest, setUnauthorizedHandler } from "./rest";

const fetchMock = vi.fn<typeof fetch>();
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });
const problem = (status: number, change = {}) => ({ title: "No", status, code: "x", detail: "why", ...change });
const me = (token: string) => ({ user: { id: "u" }, csrf_token: token });
const header = (call: number, name: string) => new Headers(fetchMock.mock.calls[call]?.[1]?.headers).get(name);

beforeEach(() => {
  fetchMock.mockReset();
  vi.stubGlobal("fetch", fetchMock);
});
afterEach(() => vi.unstubAllGlobals());

describe("rest", () => {
  it("sends the token of the session with what changes something", async () => {
    fetchMock.mockImplementation(async () => json(200, me("one")));
    await rest.me();
    await rest.updateConversation("c/1", { title: "t" });
    expect(header(0, "X-CSRF-Token")).toBeNull();
    expect(header(1, "X-CSRF-Token")).toBe("one");
    expect(fetchMock.mock.calls[1]?.[0]).toBe("/api/v1/conversations/c%2F1");
  });

  it("learns a new token and tries once more", async () => {
    fetchMock
      .mockResolvedValueOnce(json(200, me("old")))
      .mockResolvedValueOnce(json(403, problem(403)))
      .mockResolvedValueOnce(json(200, me("new")))
      .mockResolvedValueOnce(json(201, { id: "c" }));
    await rest.me();
    await expect(rest.createConversation()).resolves.toEqual({ id: "c" });
    expect(header(3, "X-CSRF-Token")).toBe("new");
  });

  it("does not insist when the token was not the reason", async () => {
    fetchMock
      .mockResolvedValueOnce(json(200, me("same")))
      .mockResolvedValueOnce(json(403, problem(403)))
      .mockResolvedValueOnce(json(200, me("same")));
    await rest.me();
    await expect(rest.createConversation()).rejects.toMatchObject({ status: 403 });
    expect(fetchMock).toHaveBeenCalledTimes(3);
  });

  it("hands on the server's words, its wish to be left alone, and whether to try again", async () => {
    fetchMock.mockResolvedValueOnce(json(429, problem(429, { retryable: true, detail: "Slow down." }), { "Retry-After": "7" }));
    const error = await rest.tools().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ message: "Slow down.", retryAfter: 7, retryable: true });
  });

  it("bears an error page that is not ours", async () => {
    fetchMock.mockResolvedValueOnce(new Response("<html>Bad gateway", { status: 502 }));
    await expect(rest.tools()).rejects.toMatchObject({ status: 502, retryable: true, retryAfter: null });
  });

  it("tells an unreachable server from a refusal", async () => {
    fetchMock.mockRejectedValueOnce(new TypeError("Failed to fetch"));
    await expect(rest.tools()).rejects.toThrow(NetworkError);
  });

  it("says when the session is over", async () => {
    const over = vi.fn();
    setUnauthorizedHandler(over);
    fetchMock.mockResolvedValueOnce(json(401, problem(401))).mockResolvedValueOnce(json(401, problem(401)));
    await rest.tools().catch(() => {});
    expect(over).toHaveBeenCalledOnce();
    await rest.signIn("used").catch(() => {});
    expect(over).toHaveBeenCalledOnce();
    setUnauthorizedHandler(() => {});
  });

  it("leaves empty parameters out", async () => {
    fetchMock.mockResolvedValueOnce(json(200, { items: [], next_cursor: null }));
    await rest.conversations({ limit: 30, cursor: null, archived: false, q: "a&b" });
    expect(fetchMock.mock.calls[0]?.[0]).toBe("/api/v1/conversations?limit=30&archived=false&q=a%26b");
  });
});
