import { useEffect, useRef, useState } from "react";
import type { Conversation } from "../../api/types";
import { fullTime, shortTime } from "../../ui/format";
import { Icon } from "../../ui/icons";
import { conversationPath, navigate } from "../../router";
import { Snippet } from "./snippet";

interface Props {
  conversation: Conversation;
  current: boolean;
  onOpen(): void;
  onRename(title: string): void;
  onArchive(): void;
  onDelete(): void;
}

export function ConversationItem({ conversation, current, onOpen, onRename, onArchive, onDelete }: Props) {
  const [renaming, setRenaming] = useState(false);
  const title = conversation.title || "New chat";
  const busy = conversation.active_turn !== null;
  if (renaming) {
    return (
      <li className="conversation">
        <Rename
          title={conversation.title ?? ""}
          onDone={(next) => {
            setRenaming(false);
            if (next && next !== conversation.title) onRename(next);
          }}
        />
      </li>
    );
  }
  return (
    <li className={current ? "conversation conversation-current" : "conversation"}>
      <a
        href={conversationPath(conversation.id)}
        data-testid="conversation-item"
        data-conversation-id={conversation.id}
        aria-current={current ? "page" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
          event.preventDefault();
          navigate(conversationPath(conversation.id));
          onOpen();
        }}
        onDoubleClick={() => setRenaming(true)}
      >
        <span className="conversation-title">{title}</span>
        {busy ? (
          <span className="conversation-busy" role="img" aria-label="Answering" title="Answering" />
        ) : (
          <time dateTime={conversation.updated_at} title={fullTime(conversation.updated_at)}>
            {shortTime(conversation.updated_at)}
          </time>
        )}
        {conversation.snippet ? <Snippet text={conversation.snippet} /> : null}
      </a>
      <div className="conversation-actions">
        <button type="button" className="icon-button" aria-label={`Rename ${title}`} title="Rename" onClick={() => setRenaming(true)}>
          <Icon name="edit" size={15} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={`${conversation.archived ? "Restore" : "Archive"} ${title}`}
          title={conversation.archived ? "Restore" : "Archive"}
          onClick={onArchive}
        >
          <Icon name={conversation.archived ? "restore" : "archive"} size={15} />
        </button>
        <button type="button" className="icon-button" aria-label={`Delete ${title}`} title="Delete" onClick={onDelete}>
          <Icon name="trash" size={15} />
        </button>
      </div>
    </li>
  );
}

function Rename({ title, onDone }: { title: string; onDone(title: string | null): void }) {
  const [text, setText] = useState(title);
  const input = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useEffect(() => input.current?.select(), []);
  const finish = (next: string | null) => {
    if (done.current) return;
    done.current = true;
    onDone(next);
  };
  return (
    <input
      ref={input}
      autoFocus
      className="rename"
      value={text}
      maxLength={200}
      aria-label="New title"
      onChange={(event) => setText(event.target.value)}
      onBlur={() => finish(text.trim())}
      onKeyDown={(event) => {
        if (event.key === "Enter") finish(text.trim());
        if (event.key === "Escape") {
          event.stopPropagation();
          event.preventDefault();
          finish(null);
        }
      }}
    />
  );
}
