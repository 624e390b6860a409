import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it } from "vitest";
import { call } from "../../api/testing";
import { glance, pretty, ToolCard } from "./tool_card";

afterEach(cleanup);

describe("ToolCard", () => {
  it("is folded, and tells name, state and duration", () => {
    render(<ToolCard call={call({ status: "ok", result: { t: 21 }, duration_ms: 1234 })} />);
    const card = screen.getByTestId("tool-call");
    expect(card.dataset.status).toBe("ok");
    expect(card.textContent).toBe("get_weatherLisbonDone1.2 s");
    expect(screen.getByRole("button").getAttribute("aria-expanded")).toBe("false");
    expect(screen.queryByText("Arguments")).toBeNull();
  });

  it("unfolds to arguments and result as pretty JSON", async () => {
    render(<ToolCard call={call({ status: "ok", result: { t: [21] } })} />);
    await userEvent.click(screen.getByRole("button"));
    expect(screen.getByText("Arguments")).toBeTruthy();
    const texts = [...document.querySelectorAll("pre")].map((each) => each.textContent);
    expect(texts).toEqual(['{\n  "city": "Lisbon"\n}', '{\n  "t": [\n    21\n  ]\n}']);
  });

  it("shows HTML of a result as text", async () => {
    render(<ToolCard call={call({ status: "error", result: "<img src=x onerror=alert(1)>" })} />);
    await userEvent.click(screen.getByRole("button"));
    expect(document.querySelector("img")).toBeNull();
    expect(screen.getByText(/onerror/)).toBeTruthy();
  });

  it("says when there is no result yet, and when there never will be", async () => {
    const { rerender } = render(<ToolCard call={call()} />);
    await userEvent.click(screen.getByRole("button"));
    expect(screen.getByText("No result yet.")).toBeTruthy();
    rerender(<ToolCard call={call()} over />);
    expect(screen.getByText("Interrupted")).toBeTruthy();
    expect(screen.getByText("There is no result.")).toBeTruthy();
  });

  it("stays unfolded when the result comes", async () => {
    const { rerender } = render(<ToolCard call={call()} />);
    await userEvent.click(screen.getByRole("button"));
    rerender(<ToolCard call={call({ status: "denied", result: { error: "no" } })} />);
    expect(screen.getByText("Not allowed")).toBeTruthy();
    expect(screen.getByText("Result")).toBeTruthy();
  });

  it("shows the beginning of a huge result", async () => {
    render(<ToolCard call={call({ status: "ok", result: "x".repeat(50_000) })} />);
    await userEvent.click(screen.getByRole("button"));
    expect(screen.getByText(/30000 more characters/)).toBeTruthy();
  });
});

describe("glance", () => {
  it("puts the values in one short line", () => {
    expect(glance({ a: "x\n y", n: 3, o: { k: [1] }, none: null, empty: "" })).toBe('x y, 3, {"k":[1]}');
    expect(glance({})).toBe("");
    expect(glance({ a: "z".repeat(500) })).toHaveLength(120);
  });
});

describe("pretty", () => {
  it("formats values, and text that is JSON, and leaves other text", () => {
    expect(pretty({ a: 1 })).toBe('{\n  "a": 1\n}');
    expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(pretty("{not json")).toBe("{not json");
    expect(pretty(undefined)).toBe("");
    expect(pretty(false)).toBe("false");
  });
});
