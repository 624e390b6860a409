import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { Snippet } from "./snippet";

afterEach(cleanup);

const show = (text: string) => render(<Snippet text={text} />).container;

it("marks what stands between the isolates, and drops these", () => {
  const box = show("a \u2068cat\u2069 and a \u2068CAT\u2069.");
  expect(box.textContent).toBe("a cat and a CAT.");
  expect([...box.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["cat", "CAT"]);
});

it("bears a match that is cut off, a stray end, and HTML", () => {
  expect(show("x\u2069 <b>y</b> \u2068cut").textContent).toBe("x <b>y</b> cut");
  expect(document.querySelector("b")).toBeNull();
});
