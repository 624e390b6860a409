import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { Markdown, safeUrl } from "./markdown";

afterEach(cleanup);

const show = (text: string) => render(<Markdown text={text} />).container;

describe("what a model writes", () => {
  it.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<b onclick="alert(1)">x</b>',
    "<iframe src='https://evil.example'></iframe>",
    "<svg><animate onbegin=alert(1) attributeName=x></svg>",
    "<style>*{display:none}</style>",
    "<form action='https://evil.example'><input name=x></form>",
    "text <a href='https://evil.example' onmouseover=alert(1)>x</a>",
  ])("shows raw HTML as text: %s", (html) => {
    const box = show(html);
    expect(box.querySelector("script, img, b, iframe, svg, style, form, a, input")).toBeNull();
    expect(box.textContent).toContain(html.slice(0, 4));
  });

  it.each([
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example/path)",
    "[x](/api/v1/session)",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
  ])("makes no link of %j", (text) => {
    expect(show(text).querySelector("a, img")).toBeNull();
  });

  it("opens links apart and tells them nothing", () => {
    show("[docs](https://example.org/a) and mailto:a@example.org <mailto:b@example.org>");
    const link = screen.getByRole("link", { name: "docs" });
    expect(link.getAttribute("href")).toBe("https://example.org/a");
    expect(link.getAttribute("target")).toBe("_blank");
    expect(link.getAttribute("rel")).toBe("noopener noreferrer nofollow");
    for (const each of screen.getAllByRole("link")) expect(each.getAttribute("rel")).toContain("noopener");
  });

  it("loads no images, but links to them", () => {
    const box = show("![a cat](https://tracker.example/p.gif)");
    expect(box.querySelector("img")).toBeNull();
    expect(screen.getByRole("link", { name: "a cat" }).getAttribute("href")).toBe("https://tracker.example/p.gif");
  });

  it("shows code literally, with its language and a way to copy it", () => {
    const box = show('```html\n<img src=x onerror="alert(1)">\n```');
    expect(box.querySelector("img")).toBeNull();
    expect(box.querySelector("pre")?.textContent).toBe('<img src=x onerror="alert(1)">');
    expect(box.querySelector("figcaption")?.textContent).toContain("html");
    expect(screen.getByRole("button", { name: "Copy code" })).toBeTruthy();
  });

  it("renders tables, lists and task lists", () => {
    const box = show("| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n- [ ] open");
    expect(box.querySelectorAll("td")).toHaveLength(2);
    expect(box.querySelectorAll("input[type=checkbox]:disabled")).toHaveLength(2);
  });

  it("survives unfinished Markdown at every length", () => {
    const text = "# T\n\n- a\n  - b\n\n```js\nlet a = `x`;\n```\n\n| a | b |\n|---|---|\n| **b** | [l](http://x.y) |\n";
    const { rerender } = render(<Markdown text="" />);
    for (let end = 1; end <= text.length; end++) rerender(<Markdown text={text.slice(0, end)} />);
    expect(screen.getByRole("link").getAttribute("href")).toBe("http://x.y");
  });
});

describe("safeUrl", () => {
  it("lets http, https and mailto pass, nothing else", () => {
    for (const url of ["http://a.b", "HTTPS://a.b", "mailto:a@b.c"]) expect(safeUrl(url)).toBe(url);
    for (const url of ["", "#a", "?x", "ftp://a.b", "javascript://%0aalert(1)", " https://a.b", "https:evil"]) {
      expect(safeUrl(url)).toBe("");
    }
  });
});
