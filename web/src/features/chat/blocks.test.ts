import { describe, expect, it } from "vitest";
import { splitBlocks } from "./blocks";

describe("splitBlocks", () => {
  it("cuts paragraphs apart", () => {
    expect(splitBlocks("one\n\ntwo\nmore\n\n\nthree")).toEqual(["one\n", "two\nmore\n\n", "three"]);
  });

  it("leaves a fence whole, closed or not, whatever is in it", () => {
    for (const text of ["```\na\n\nb\n```", "~~~~\n\n~~~\n\n```\n\n~~~~", "```js\nunfinished\n\nstill"]) {
      expect(splitBlocks(text)).toEqual([text]);
    }
  });

  it("begins anew after a fence", () => {
    expect(splitBlocks("```\na\n\nb\n```\n\nafter")).toEqual(["```\na\n\nb\n```\n", "after"]);
  });

  it("keeps a loose list, its numbers and its indented paragraphs together", () => {
    for (const text of ["1. a\n\n2. b\n\n3. c", "- a\n\n  more of a\n\n- b", "- a\n\n      code\n\n- b"]) {
      expect(splitBlocks(text)).toEqual([text]);
    }
    expect(splitBlocks("- a\n\nnot a list")).toEqual(["- a\n", "not a list"]);
  });

  it("does not cut a text with link definitions or footnotes", () => {
    for (const text of ["[a][r]\n\nb\n\n[r]: http://x.y", "a[^1]\n\nb\n\n[^1]: note"]) {
      expect(splitBlocks(text)).toEqual([text]);
    }
  });

  it("loses nothing", () => {
    const text = "# a\n\n- b\n\n\n```\n\nc\n```\n\n> d\n>\n> e\n\n| f |\n|---|\n\ng\n\n";
    for (let end = 0; end <= text.length; end++) {
      expect(splitBlocks(text.slice(0, end)).join("\n")).toBe(text.slice(0, end));
    }
  });

  it("keeps the finished blocks the same while a text grows", () => {
    const text = "para one\n\npara two\n\n```\ncode\n```\n\npara three";
    const all = splitBlocks(text);
    for (let end = 0; end <= text.length; end++) {
      for (const [index, block] of splitBlocks(text.slice(0, end)).slice(0, -1).entries()) expect(block).toBe(all[index]);
    }
  });
});
