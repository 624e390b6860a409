import { beforeEach, expect, it } from "vitest";
import { Drafts } from "./drafts";

beforeEach(() => localStorage.clear());

it("keeps what is typed, per user and conversation", () => {
  const drafts = new Drafts("u1");
  drafts.set("c1", "hello");
  drafts.flush();
  expect(new Drafts("u1").get("c1")).toBe("hello");
  expect(new Drafts("u1").get("c2")).toBe("");
  expect(new Drafts("u2").get("c1")).toBe("");
});

it("leaves nothing behind once sent", () => {
  const drafts = new Drafts("u1");
  drafts.set("c1", "hello");
  drafts.flush();
  drafts.set("c1", "");
  drafts.flush();
  expect(localStorage.length).toBe(0);
});

it("moves what was typed while a new chat was made, and overwrites nothing", () => {
  const drafts = new Drafts("u1");
  drafts.set("new", "more");
  drafts.move("new", "c1");
  expect([drafts.get("new"), drafts.get("c1")]).toEqual(["", "more"]);
  drafts.set("new", "other");
  drafts.move("new", "c1");
  expect(drafts.get("c1")).toBe("more\n\nother");
});

it("forgets only its own on sign-out", () => {
  const [one, two] = [new Drafts("u1"), new Drafts("u2")];
  one.set("c1", "a");
  two.set("c1", "b");
  one.flush();
  two.flush();
  one.clear();
  expect(new Drafts("u1").get("c1")).toBe("");
  expect(new Drafts("u2").get("c1")).toBe("b");
});
