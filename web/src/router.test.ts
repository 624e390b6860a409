import { expect, it } from "vitest";
import { conversationPath, parseRoute } from "./router";

it("reads the address", () => {
  expect(parseRoute("/")).toEqual({ page: "new" });
  expect(parseRoute("/sign-in")).toEqual({ page: "sign-in" });
  expect(parseRoute("/c/abc")).toEqual({ page: "conversation", id: "abc" });
  expect(parseRoute("/c/%E0%A4%A")).toEqual({ page: "new" });
  expect(parseRoute("/c/")).toEqual({ page: "new" });
  expect(parseRoute("/anything/else")).toEqual({ page: "new" });
});

it("writes what it reads", () => {
  expect(parseRoute(conversationPath("a/b ?"))).toEqual({ page: "conversation", id: "a/b ?" });
});
