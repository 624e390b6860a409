import { memo, useEffect, useRef, useState } from "react";
import type { OutboxEntry } from "../../api/outbox";
import type { Message } from "../../api/types";
import { CopyButton } from "../../ui/copy_button";
import { fullTime } from "../../ui/format";
import { Icon } from "../../ui/icons";

interface Props {
  message: Message;
  /** Its name, if somebody else wrote it. */
  author: string | null;
  queued: boolean;
  /** The turn that would answer it and can still be called off. */
  queuedTurn: string | null;
  onEdit(message: Message, content: string): Promise<boolean>;
  onUnqueue(turnId: string): void;
}

export const UserMessage = memo(function UserMessage({ message, author, queued, queuedTurn, onEdit, onUnqueue }: Props) {
  const [editing, setEditing] = useState(false);
  if (editing) {
    return <Editor message={message} onCancel={() => setEditing(false)} onEdit={onEdit} />;
  }
  return (
    <article className="message message-user" data-testid="message-user" data-message-id={message.id} aria-label={author ?? "You"}>
      {author ? <span className="author">{author}</span> : null}
      <div className="bubble">{message.content}</div>
      <div className={queued ? "message-tools message-tools-shown" : "message-tools"}>
        {queued ? (
          <span className="queued">
            <Icon name="clock" size={14} /> Queued
          </span>
        ) : (
          <time dateTime={message.created_at}>{fullTime(message.created_at)}</time>
        )}
        {queued && queuedTurn ? (
          <button type="button" className="icon-button" aria-label="Do not answer this" title="Do not answer this" onClick={() => onUnqueue(queuedTurn)}>
            <Icon name="close" size={16} />
          </button>
        ) : null}
        <CopyButton text={message.content} label="Copy message" />
        {author ? null : (
          <button type="button" className="icon-button" aria-label="Edit message" title="Edit and send again" onClick={() => setEditing(true)}>
            <Icon name="edit" size={16} />
          </button>
        )}
      </div>
    </article>
  );
});

function Editor({ message, onCancel, onEdit }: { message: Message; onCancel(): void; onEdit: Props["onEdit"] }) {
  const [text, setText] = useState(message.content);
  const [busy, setBusy] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    box.current?.focus();
    box.current?.setSelectionRange(message.content.length, message.content.length);
  }, [message.content]);
  const save = async () => {
    const content = text.trim();
    if (!content || busy) return;
    setBusy(true);
    if (await onEdit(message, content)) onCancel();
    else setBusy(false);
  };
  return (
    <form
      className="message message-user message-editor"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <textarea
        ref={box}
        value={text}
        rows={Math.min(10, Math.max(2, text.split("\n").length))}
        aria-label="Edit message"
        disabled={busy}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.stopPropagation();
            onCancel();
          } else if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            void save();
          }
        }}
      />
      <div className="editor-actions">
        <span className="quiet">This message and everything after it are replaced.</span>
        <button type="button" className="button button-small" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button button-small button-primary" disabled={busy || !text.trim()}>
          Send
        </button>
      </div>
    </form>
  );
}

interface PendingProps {
  entry: OutboxEntry;
  connected: boolean;
  onRetry(): void;
  onTakeBack(): void;
}

/** A message of the outbox: on its way, or refused. */
export function PendingMessage({ entry, connected, onRetry, onTakeBack }: PendingProps) {
  const refused = entry.state === "refused";
  return (
    <article className="message message-user message-pending" data-testid="message-user" data-pending={entry.state} aria-label="You">
      <div className="bubble">{entry.content}</div>
      <div className="message-tools message-tools-shown">
        {refused ? (
          <span className="refused" role="alert">
            <Icon name="alert" size={14} /> Not sent. {entry.problem?.detail}
          </span>
        ) : (
          <span className="queued">
            <Icon name="clock" size={14} /> {connected ? "Sending…" : "Waiting for the connection"}
          </span>
        )}
        {refused ? (
          <button type="button" className="button button-small" onClick={onRetry}>
            Try again
          </button>
        ) : null}
        {refused || !connected ? (
          <button type="button" className="button button-small" onClick={onTakeBack}>
            Take back
          </button>
        ) : null}
      </div>
    </article>
  );
}
