import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { newId } from "../../api/ids";
import { ApiError, rest } from "../../api/rest";
import type { Accepted, Me, Message } from "../../api/types";
import { Bird } from "../../ui/bird";
import { errorText, useToast } from "../../ui/toast";
import { navigate } from "../../router";
import { dropFrom, patchMessages } from "../live/cache";
import { useConnection, useLive } from "../live/context";
import { Announcer } from "./announcer";
import type { Row } from "./arrange";
import { LiveAnswer, StoredAnswer } from "./assistant_message";
import { ChatHeader } from "./chat_header";
import { Composer } from "./composer";
import type { Drafts } from "./drafts";
import { MessageList } from "./message_list";
import { useAuthors } from "./use_authors";
import { useConversation } from "./use_conversation";
import { PendingMessage, UserMessage } from "./user_message";

export const newDraft = "new";

/** Each can be answered with the built-in tools, by a small model and by the demo. */
const ideas = [
  "What is 17.5% of 2340, and what is today's date?",
  "Convert to snake case: Hello World",
  "Count the words in: the quick brown fox jumps over the lazy dog",
];

interface Props {
  me: Me;
  /** Null while the chat is new and not yet made. */
  id: string | null;
  lane: string;
  drafts: Drafts;
  /** True while the drawer lies over it. */
  covered: boolean;
  onMenu(): void;
}

export function ChatView({ me, id, lane, drafts, covered, onMenu }: Props) {
  const live = useLive();
  const client = useQueryClient();
  const toast = useToast();
  const connection = useConnection();
  const connected = connection === "online" || connection === "limited";
  const { conversation, messages, rows, runningTurn, turns } = useConversation(id, lane);
  const authorOf = useAuthors(me, conversation.data ?? null);
  const input = useRef<HTMLTextAreaElement>(null);
  const [sent, setSent] = useState(0);
  const [stopping, setStopping] = useState<string | null>(null);
  const draftKey = id ?? newDraft;

  const stop = useCallback(
    async (turnId: string) => {
      setStopping(turnId);
      try {
        await live.cancel(turnId);
      } catch (error) {
        setStopping(null);
        toast(errorText(error), { kind: "error" });
      }
    },
    [live, toast],
  );

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented || !runningTurn) return;
      if (document.querySelector("dialog[open], [data-drawer-open]")) return;
      void stop(runningTurn);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [runningTurn, stop]);

  const replace = useCallback(
    async (old: Message, act: () => Promise<Accepted>) => {
      try {
        const accepted = await act();
        patchMessages(client, old.conversation_id, (data) => dropFrom(data, old.id));
        live.accepted(accepted);
        live.refetchMessages(old.conversation_id);
        setSent((count) => count + 1);
        return true;
      } catch (error) {
        toast(errorText(error), { kind: "error" });
        return false;
      }
    },
    [client, live, toast],
  );

  const regenerate = useCallback(
    (message: Message) => void replace(message, () => rest.regenerate(message.id, newId())),
    [replace],
  );

  const edit = useCallback(
    (message: Message, content: string) => replace(message, () => rest.edit(message.id, content, newId())),
    [replace],
  );
  const unqueue = useCallback((turnId: string) => void stop(turnId), [stop]);

  const send = (text: string) => {
    live.outbox.add(lane, text);
    setSent((count) => count + 1);
  };

  const takeBack = (clientMessageId: string, content: string) => {
    live.outbox.remove(clientMessageId);
    const draft = drafts.get(draftKey);
    drafts.set(draftKey, draft ? `${content}\n\n${draft}` : content);
    input.current?.focus();
  };

  const renderRow = (row: Row) => {
    switch (row.kind) {
      case "user":
        return (
          <UserMessage
            key={row.key}
            message={row.message}
            author={authorOf(row.message.user_id)}
            queued={row.queued}
            queuedTurn={row.queuedTurn}
            onEdit={edit}
            onUnqueue={unqueue}
          />
        );
      case "assistant":
        return <StoredAnswer key={row.key} message={row.message} last={row === rows.at(-1)} onRegenerate={runningTurn ? null : regenerate} />;
      case "live":
        return <LiveAnswer key={row.key} view={row.view} />;
      case "pending":
        return (
          <PendingMessage
            key={row.key}
            entry={row.entry}
            connected={connected}
            onRetry={() => live.outbox.retry(row.entry.client_message_id)}
            onTakeBack={() => takeBack(row.entry.client_message_id, row.entry.content)}
          />
        );
    }
  };

  const missing = conversation.error instanceof ApiError && conversation.error.status === 404;
  const empty = rows.length === 0 && (id === null || (messages.isSuccess && !messages.isFetching));
  const { fetchNextPage } = messages;
  const loadOlder = useCallback(() => void fetchNextPage(), [fetchNextPage]);

  return (
    <main className="chat" aria-label="Chat" inert={covered}>
      <ChatHeader title={id === null ? "New chat" : (conversation.data?.title ?? "")} me={me} id={missing ? null : id} conversation={missing ? null : (conversation.data ?? null)} onMenu={onMenu} />
      {missing ? (
        <div className="empty">
          <h2>This conversation is gone</h2>
          <p>It was deleted, or the address is not complete.</p>
          <button type="button" className="button" onClick={() => navigate("/")}>
            Start a new chat
          </button>
        </div>
      ) : (
        <>
          <MessageList
            resetKey={draftKey}
            firstKey={rows[0]?.key}
            sent={sent}
            hasOlder={messages.hasNextPage}
            loadingOlder={messages.isFetchingNextPage}
            onOlder={loadOlder}
          >
            {empty ? <Welcome onAsk={send} /> : null}
            {id !== null && messages.isPending && rows.length === 0 ? <p className="quiet center">Loading…</p> : null}
            {messages.isError && !messages.data ? (
              <div className="notice notice-error" role="alert">
                <span>{errorText(messages.error)}</span>
                <button type="button" className="button button-small" onClick={() => void messages.refetch()}>
                  Try again
                </button>
              </div>
            ) : null}
            {rows.map(renderRow)}
          </MessageList>
          <Announcer key={draftKey} turns={turns} />
          <footer className="chat-foot">
            {connection === "offline" ? (
              <p className="offline" role="status">
                No connection. What you send waits here until it is back.
              </p>
            ) : null}
            <Composer
              drafts={drafts}
              draftKey={draftKey}
              running={runningTurn !== null}
              stopping={runningTurn !== null && stopping === runningTurn}
              inputRef={input}
              onSend={send}
              onStop={() => runningTurn && void stop(runningTurn)}
            />
          </footer>
        </>
      )}
    </main>
  );
}

function Welcome({ onAsk }: { onAsk(text: string): void }) {
  return (
    <div className="empty">
      <Bird size={64} />
      <h2>What shall we do?</h2>
      <ul className="ideas" aria-label="Ideas to begin with">
        {ideas.map((idea) => (
          <li key={idea}>
            <button type="button" className="idea" onClick={() => onAsk(idea)}>
              {idea}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
