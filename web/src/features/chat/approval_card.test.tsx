import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, rest } from "../../api/rest";
import { approval } from "../../api/testing";
import { ToastProvider } from "../../ui/toast";
import { ApprovalCard, clock, plain, secondsLeft } from "./approval_card";
import { ModeSwitch } from "./mode_switch";

const now = Date.parse("2026-01-02T03:04:05.678Z");

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(now);
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const shown = (change = {}) => {
  render(
    <ToastProvider>
      <ApprovalCard approval={approval(change)} />
    </ToastProvider>,
  );
};
const button = (name: string) => screen.getByRole<HTMLButtonElement>("button", { name });
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

describe("ApprovalCard", () => {
  it("shows tool, host, exact arguments and what always would mean", () => {
    shown();
    expect(screen.getByRole("heading").textContent).toBe("May get_weather run?");
    expect(screen.getByText("wttr.in")).toBeTruthy();
    expect(document.querySelector("pre")?.textContent).toBe('{\n  "location": "Lisbon"\n}');
    expect(screen.getByText(/Always: this tool for wttr.in/)).toBeTruthy();
  });

  it("is not answered by a tap that was meant for what lay there before", async () => {
    const decide = vi.spyOn(rest, "decide").mockResolvedValue(approval());
    shown();
    fireEvent.click(button("Allow once"));
    expect(decide).not.toHaveBeenCalled();
    await pass(500);
    fireEvent.click(button("Allow once"));
    expect(decide).toHaveBeenCalledWith("q1", "once");
    fireEvent.click(button("Deny"));
    expect(decide).toHaveBeenCalledTimes(1);
  });

  it("answers always and deny", async () => {
    const decide = vi.spyOn(rest, "decide").mockResolvedValue(approval());
    shown();
    await pass(500);
    fireEvent.click(button("Always allow"));
    expect(decide).toHaveBeenCalledWith("q1", "always");
    cleanup();
    shown();
    await pass(500);
    fireEvent.click(button("Deny"));
    expect(decide).toHaveBeenLastCalledWith("q1", "deny");
  });

  it("offers no always where none can be given, and says why", async () => {
    shown({ only_once: "The call carries text for a shell." });
    await pass(500);
    expect(button("Always allow").disabled).toBe(true);
    expect(button("Allow once").disabled).toBe(false);
    expect(screen.getByText("The call carries text for a shell.")).toBeTruthy();
  });

  it("can be answered again after a failure, in the server's words", async () => {
    vi.spyOn(rest, "decide").mockRejectedValue(new ApiError({ title: "No", status: 503, code: "unavailable", detail: "The disk is full." }));
    shown();
    await pass(500);
    fireEvent.click(button("Deny"));
    await pass(0);
    expect(screen.getByText("The disk is full.")).toBeTruthy();
    expect(button("Deny").disabled).toBe(false);
  });

  it("counts down and then takes no answer", async () => {
    shown();
    expect(screen.getByText("5:00")).toBeTruthy();
    await pass(61_000);
    expect(screen.getByText("3:59")).toBeTruthy();
    await pass(300_000);
    expect(screen.getByText("0:00")).toBeTruthy();
    expect(button("Allow once").disabled).toBe(true);
  });

  it("shows what hides in the arguments", () => {
    shown({ call: { id: "c", name: "run\u202e", arguments: { command: "rm \u202e/ -rf\u200b", html: "<img src=x onerror=alert(1)>" } } });
    const text = document.querySelector("pre")?.textContent ?? "";
    expect(text).toContain("\\u202e");
    expect(text).toContain("\\u200b");
    expect(text).toContain("<img");
    expect(document.querySelector("img")).toBeNull();
    expect(screen.getByRole("heading").textContent).toContain("run\\u202e");
  });
});

describe("the countdown", () => {
  it("never shows more than was given, nor less than nothing", () => {
    const question = { created_at: "2026-01-01T00:00:00.000Z", expires_at: "2026-01-01T00:05:00.000Z" };
    expect(secondsLeft(question, Date.parse("2025-12-31T00:00:00Z"))).toBe(300);
    expect(secondsLeft(question, Date.parse("2026-01-02T00:00:00Z"))).toBe(0);
    expect(clock(65)).toBe("1:05");
    expect(plain("a\nb\tc")).toBe("a\nb\tc");
  });
});

describe("ModeSwitch", () => {
  it("sets the conversation's mode, and only shows a read only workspace's", async () => {
    const set = vi.spyOn(rest, "setToolMode").mockResolvedValue({ workspace: null, conversation: "auto", effective: "auto" });
    vi.spyOn(rest, "toolMode").mockResolvedValue({ workspace: null, conversation: null, effective: "ask" });
    const mode = (client: QueryClient) =>
      render(
        <QueryClientProvider client={client}>
          <ToastProvider>
            <ModeSwitch id="c1" />
          </ToastProvider>
        </QueryClientProvider>,
      );
    mode(new QueryClient());
    await pass(10);
    const select = screen.getByTestId<HTMLSelectElement>("mode-switch");
    expect(select.selectedOptions[0]?.textContent).toBe("Ask first");
    fireEvent.change(select, { target: { value: "auto" } });
    await pass(10);
    expect(set).toHaveBeenCalledWith("c1", "auto");
    expect(select.value).toBe("auto");
    cleanup();
    vi.spyOn(rest, "toolMode").mockResolvedValue({ workspace: "read_only", conversation: "auto", effective: "read_only" });
    mode(new QueryClient());
    await pass(10);
    expect(screen.getByTestId<HTMLSelectElement>("mode-switch").disabled).toBe(true);
    expect(screen.getByTestId<HTMLSelectElement>("mode-switch").value).toBe("read_only");
  });
});
