import type { InfiniteData, QueryClient, QueryKey } from "@tanstack/react-query";
import type { Conversation, ConversationPage, Message, MessagePage } from "../../api/types";

export type MessagePages = InfiniteData<MessagePage, string | null>;
export type ConversationPages = InfiniteData<ConversationPage, string | null>;

export interface ListFilter {
  archived: boolean;
  q: string;
}

export const keys = {
  me: ["me"] as const,
  tools: ["tools"] as const,
  skills: ["skills"] as const,
  connection: (skill: string) => ["connection", skill] as const,
  toolMode: (id: string | null) => ["tool-policy", id] as const,
  toolModes: ["tool-policy"] as const,
  grants: ["grants"] as const,
  apiKeys: ["api-keys"] as const,
  signInMethods: ["sign-in-methods"] as const,
  identityProviders: ["identity-providers"] as const,
  account: ["account"] as const,
  sessions: ["sessions"] as const,
  usage: ["usage"] as const,
  workspaces: ["workspaces"] as const,
  members: ["members"] as const,
  retention: ["retention"] as const,
  invitations: ["invitations"] as const,
  lists: ["conversations"] as const,
  list: (filter: ListFilter) => ["conversations", filter] as const,
  conversation: (id: string) => ["conversation", id] as const,
  messages: (id: string) => ["messages", id] as const,
};

/** Messages, oldest first; pages come newest first. */
export function allMessages(pages: MessagePages | undefined): Message[] {
  return pages ? [...pages.pages].reverse().flatMap((page) => page.items) : [];
}

function insertAt<T>(items: readonly T[], at: number, item: T): T[] {
  return [...items.slice(0, at), item, ...items.slice(at)];
}

function replaceAt<T>(items: readonly T[], at: number, item: T): T[] {
  return items.map((old, index) => (index === at ? item : old));
}

export function upsertMessage(data: MessagePages, message: Message): MessagePages {
  if (data.pages.some((page) => page.items.some((item) => item.id === message.id))) {
    const pages = data.pages.map((page) => ({
      ...page,
      items: page.items.map((item) => (item.id === message.id ? message : item)),
    }));
    return { ...data, pages };
  }
  const [newest, ...older] = data.pages;
  if (!newest) return data;
  const at = newest.items.findIndex((item) => item.created_at > message.created_at);
  // Older than everything loaded: it belongs to a page that will be fetched when it is wanted.
  if (at === 0 && (newest.next_before !== null || older.length > 0)) return data;
  const items = at < 0 ? [...newest.items, message] : insertAt(newest.items, at, message);
  return { ...data, pages: [{ ...newest, items }, ...older] };
}

/** Drop a message and all that come after it, as an edit does. */
export function dropFrom(data: MessagePages, messageId: string): MessagePages {
  const where = data.pages.findIndex((page) => page.items.some((item) => item.id === messageId));
  if (where < 0) return data;
  const pages = data.pages.map((page, index) => {
    if (index < where) return { ...page, items: [] };
    if (index > where) return page;
    return { ...page, items: page.items.slice(0, page.items.findIndex((item) => item.id === messageId)) };
  });
  return { ...data, pages };
}

/**
 * Changes what is cached. A fetch under way would overwrite the change with what was true before it, so such a
 * fetch is given up and made again; `change` may therefore run twice.
 */
function patch<T>(client: QueryClient, queryKey: QueryKey, change: (data: T) => T): void {
  const apply = () => client.setQueryData<T>(queryKey, (data) => data && change(data));
  const fetching = client.isFetching({ queryKey, exact: true }) > 0;
  apply();
  if (!fetching) return;
  void client.cancelQueries({ queryKey, exact: true }).then(() => {
    apply();
    return client.invalidateQueries({ queryKey, exact: true });
  });
}

export function patchMessages(client: QueryClient, conversationId: string, change: (data: MessagePages) => MessagePages) {
  patch<MessagePages>(client, keys.messages(conversationId), change);
}

export function removeConversation(data: ConversationPages, id: string): ConversationPages {
  return { ...data, pages: data.pages.map((page) => ({ ...page, items: page.items.filter((item) => item.id !== id) })) };
}

export function placeConversation(data: ConversationPages, conversation: Conversation, filter: ListFilter): ConversationPages {
  if (filter.q) {
    // What matches a search only the server knows; what is shown is kept current in place.
    const pages = data.pages.map((page) => ({
      ...page,
      items: page.items.map((item) =>
        item.id === conversation.id ? { ...conversation, snippet: item.snippet ?? null } : item,
      ),
    }));
    return { ...data, pages };
  }
  const rest = removeConversation(data, conversation.id);
  if (conversation.archived !== filter.archived) return rest;
  for (const [index, page] of rest.pages.entries()) {
    const at = page.items.findIndex((item) => item.updated_at <= conversation.updated_at);
    if (at >= 0) {
      const items = insertAt(page.items, at, conversation);
      return { ...rest, pages: replaceAt(rest.pages, index, { ...page, items }) };
    }
  }
  const last = rest.pages.at(-1);
  if (!last || last.next_cursor !== null) return rest;
  return { ...rest, pages: [...rest.pages.slice(0, -1), { ...last, items: [...last.items, conversation] }] };
}

export function patchLists(client: QueryClient, change: (data: ConversationPages, filter: ListFilter) => ConversationPages) {
  for (const [queryKey] of client.getQueriesData<ConversationPages>({ queryKey: keys.lists })) {
    const filter = queryKey[1] as ListFilter;
    patch<ConversationPages>(client, queryKey, (data) => change(data, filter));
  }
}
