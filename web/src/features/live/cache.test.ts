import { QueryClient } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import { conversation, message } from "../../api/testing";
import type { Conversation, Message } from "../../api/types";
import {
  allMessages,
  dropFrom,
  keys,
  patchMessages,
  placeConversation,
  removeConversation,
  upsertMessage,
  type ConversationPages,
  type MessagePages,
} from "./cache";

const at = (id: string) => message(id, { id, created_at: `2026-01-01T00:00:0${id}.000Z` });
const pages = (...lists: string[][]): MessagePages => ({
  pages: lists.map((ids, index) => ({ items: ids.map(at), next_before: index < lists.length - 1 ? "more" : null })),
  pageParams: lists.map(() => null),
});
const ids = (data: MessagePages) => allMessages(data).map((each) => each.id);

describe("messages", () => {
  it("read oldest first over the pages", () => {
    expect(ids(pages(["5", "6"], ["3", "4"], ["1", "2"]))).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  it("are added at their place and never twice", () => {
    let data = upsertMessage(pages(["3", "5"], ["1"]), at("6"));
    data = upsertMessage(data, at("6"));
    data = upsertMessage(data, at("4"));
    expect(ids(data)).toEqual(["1", "3", "4", "5", "6"]);
  });

  it("are replaced in whatever page they stand", () => {
    const data = upsertMessage(pages(["3"], ["1", "2"]), { ...at("1"), content: "new" });
    expect(allMessages(data).map((each) => each.content)).toEqual(["new", "2", "3"]);
  });

  it("older than all that is loaded are left to their page", () => {
    const data = pages(["3"], ["2"]);
    expect(upsertMessage(data, at("1"))).toBe(data);
    expect(ids(upsertMessage(pages(["3"]), at("1")))).toEqual(["1", "3"]);
  });

  it("leave from an edited one on", () => {
    expect(ids(dropFrom(pages(["5", "6"], ["3", "4"], ["1", "2"]), "4"))).toEqual(["1", "2", "3"]);
    expect(ids(dropFrom(pages(["5", "6"]), "5"))).toEqual([]);
    expect(ids(dropFrom(pages(["5"]), "unknown"))).toEqual(["5"]);
  });

  it("that arrive during the first fetch are not lost to its older answer", async () => {
    const client = new QueryClient();
    const server: Message[] = [at("1")];
    let release = () => {};
    const fetched = client.fetchInfiniteQuery({
      queryKey: keys.messages("c1"),
      initialPageParam: null as string | null,
      retry: false,
      queryFn: async () => {
        const items = [...server];
        await new Promise<void>((resolve) => (release = resolve));
        return { items, next_before: null };
      },
    });
    const given = fetched.catch(() => null);
    server.push(at("2"));
    patchMessages(client, "c1", (data) => upsertMessage(data, at("2")));
    release();
    await given;
    // The fetch with the old answer was given up, so that the next one asks again.
    const state = client.getQueryState<MessagePages>(keys.messages("c1"));
    expect(state?.data === undefined || ids(state.data).includes("2")).toBe(true);
  });
});

describe("conversations", () => {
  const on = (id: string, hour: number, change: Partial<Conversation> = {}) =>
    conversation({ id, updated_at: `2026-01-01T0${hour}:00:00.000Z`, ...change });
  const list = (items: Conversation[], next: string | null = null): ConversationPages => ({
    pages: [{ items, next_cursor: next }],
    pageParams: [null],
  });
  const order = (data: ConversationPages) => data.pages.flatMap((page) => page.items.map((item) => item.id));
  const all = { archived: false, q: "" };

  it("rise to the top when something happens in them", () => {
    expect(order(placeConversation(list([on("b", 3), on("a", 1)]), on("a", 5), all))).toEqual(["a", "b"]);
  });

  it("stay where they are when only their title changes", () => {
    expect(order(placeConversation(list([on("b", 3), on("a", 1)]), on("a", 1, { title: "x" }), all))).toEqual(["b", "a"]);
  });

  it("go from one list to the other when archived", () => {
    const archived = on("a", 1, { archived: true });
    expect(order(placeConversation(list([on("a", 1)]), archived, all))).toEqual([]);
    expect(order(placeConversation(list([]), archived, { archived: true, q: "" }))).toEqual(["a"]);
  });

  it("beyond what is loaded are left to their page", () => {
    expect(order(placeConversation(list([on("b", 3)], "next"), on("a", 1), all))).toEqual(["b"]);
  });

  it("found by a search keep their snippet and place", () => {
    const found = list([on("b", 3), { ...on("a", 1), snippet: "s" }]);
    const data = placeConversation(found, on("a", 9, { title: "new" }), { archived: false, q: "x" });
    expect(data.pages[0]?.items[1]).toMatchObject({ id: "a", title: "new", snippet: "s" });
    expect(order(placeConversation(found, on("c", 9), { archived: false, q: "x" }))).toEqual(["b", "a"]);
  });

  it("are removed", () => {
    expect(order(removeConversation(list([on("b", 3), on("a", 1)]), "b"))).toEqual(["a"]);
  });
});
