import { useEffect, useRef, useState, type RefObject } from "react";
import type { Conversation, Me } from "../../api/types";
import { Bird } from "../../ui/bird";
import { ConfirmDialog } from "../../ui/dialog";
import { Icon } from "../../ui/icons";
import { isNarrow } from "../../ui/media";
import { errorText, useToast } from "../../ui/toast";
import { navigate } from "../../router";
import { ConnectionStatus } from "../live/connection_status";
import { ConversationItem } from "./conversation_item";
import { useConversationChanges, useConversations } from "./queries";

interface Props {
  currentId: string | null;
  open: boolean;
  me: Me;
  searchRef: RefObject<HTMLInputElement | null>;
  onNewChat(): void;
  onClose(): void;
  onSettings(): void;
}

function useDebounced(value: string, ms: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), value ? ms : 0);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

export function Sidebar({ currentId, open, me, searchRef, onNewChat, onClose, onSettings }: Props) {
  const [query, setQuery] = useState("");
  const [archived, setArchived] = useState(false);
  const q = useDebounced(query.trim(), 250);
  const list = useConversations({ archived, q });
  const { update, remove } = useConversationChanges();
  const [doomed, setDoomed] = useState<Conversation | null>(null);
  const toast = useToast();
  const end = useRef<HTMLLIElement>(null);
  const drawer = useRef<HTMLElement>(null);

  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  useEffect(() => {
    if (!end.current || !hasNextPage || isFetchingNextPage) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void fetchNextPage();
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  useEffect(() => {
    if (open && isNarrow() && !drawer.current?.contains(document.activeElement)) {
      drawer.current?.querySelector<HTMLElement>("button")?.focus();
    }
  }, [open]);

  const archive = (conversation: Conversation) => {
    const next = !conversation.archived;
    update.mutate({ id: conversation.id, change: { archived: next } });
    toast(next ? "Archived." : "Restored.", {
      action: {
        label: "Undo",
        run: () => update.mutate({ id: conversation.id, change: { archived: !next } }),
      },
    });
  };
  const destroy = (conversation: Conversation) => {
    remove.mutate(conversation.id, {
      onSuccess: () => {
        setDoomed(null);
        if (conversation.id === currentId) navigate("/", { replace: true });
      },
      onError: () => setDoomed(null),
    });
  };

  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <div className="scrim" aria-hidden="true" onClick={onClose} />
      <nav className="sidebar" ref={drawer} aria-label="Conversations">
        <div className="sidebar-head">
          <span className="brand">
            <Bird size={26} /> Libre Bird
          </span>
          <button type="button" className="icon-button only-narrow" aria-label="Close the conversation list" onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
        <button type="button" className="button button-new" data-testid="new-chat" title="New chat (Ctrl+Shift+O)" onClick={onNewChat}>
          <Icon name="plus" /> New chat
        </button>
        <div className="search">
          <Icon name="search" size={16} />
          <input
            ref={searchRef}
            type="search"
            data-testid="search"
            aria-label="Search conversations"
            placeholder="Search"
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== "Escape" || !query) return;
              event.preventDefault();
              event.stopPropagation();
              setQuery("");
            }}
          />
          <kbd aria-hidden="true">{navigator.platform?.startsWith("Mac") ? "⌘K" : "Ctrl K"}</kbd>
        </div>
        {archived ? <h2 className="sidebar-title">Archived</h2> : null}
        <ul className="conversations" aria-busy={list.isFetching}>
          {items.map((conversation) => (
            <ConversationItem
              key={conversation.id}
              conversation={conversation}
              current={conversation.id === currentId}
              onOpen={onClose}
              onRename={(title) => update.mutate({ id: conversation.id, change: { title } })}
              onArchive={() => archive(conversation)}
              onDelete={() => setDoomed(conversation)}
            />
          ))}
          {list.isSuccess && items.length === 0 ? (
            <li className="sidebar-note">
              {q ? `Nothing matches “${q}”.` : archived ? "Nothing is archived." : "Your conversations will be listed here."}
            </li>
          ) : null}
          {list.isError && !list.data ? (
            <li className="sidebar-note" role="alert">
              {errorText(list.error)}{" "}
              <button type="button" className="button button-small" onClick={() => void list.refetch()}>
                Try again
              </button>
            </li>
          ) : null}
          <li ref={end} className="sidebar-end" aria-hidden="true" />
        </ul>
        <div className="sidebar-foot">
          <ConnectionStatus />
          <button
            type="button"
            className="icon-button"
            aria-pressed={archived}
            aria-label="Show archived conversations"
            title={archived ? "Back to current conversations" : "Archived conversations"}
            onClick={() => setArchived((was) => !was)}
          >
            <Icon name="archive" />
          </button>
          <button type="button" className="icon-button" aria-label="Settings" title={`Settings (${me.user.display_name})`} onClick={onSettings}>
            <Icon name="settings" />
          </button>
        </div>
      </nav>
      {doomed ? (
        <ConfirmDialog
          title="Delete this conversation?"
          action="Delete"
          busy={remove.isPending}
          onConfirm={() => destroy(doomed)}
          onClose={() => setDoomed(null)}
        >
          <p>
            <strong>{doomed.title || "New chat"}</strong> and all its messages are deleted for good. To only put it
            away, archive it.
          </p>
        </ConfirmDialog>
      ) : null}
    </>
  );
}
