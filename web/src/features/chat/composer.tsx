import { useEffect, useLayoutEffect, useRef, useSyncExternalStore, type Ref } from "react";
import { Icon } from "../../ui/icons";
import { isNarrow } from "../../ui/media";
import type { Drafts } from "./drafts";

interface Props {
  drafts: Drafts;
  draftKey: string;
  running: boolean;
  stopping: boolean;
  inputRef: Ref<HTMLTextAreaElement>;
  onSend(text: string): void;
  onStop(): void;
}

const tallest = 240;

export function Composer({ drafts, draftKey, running, stopping, inputRef, onSend, onStop }: Props) {
  const text = useSyncExternalStore(drafts.listen, () => drafts.get(draftKey));
  const box = useRef<HTMLTextAreaElement | null>(null);

  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(tallest, area.scrollHeight)}px`;
  }, [text]);

  useEffect(() => {
    window.addEventListener("pagehide", drafts.flush);
    return () => {
      window.removeEventListener("pagehide", drafts.flush);
      drafts.flush();
    };
  }, [drafts]);

  // On a phone the keyboard should open when it is asked for, not with the page.
  useEffect(() => {
    if (!isNarrow()) box.current?.focus({ preventScroll: true });
  }, [draftKey]);

  const send = () => {
    const content = drafts.get(draftKey).trim();
    if (!content) return;
    drafts.set(draftKey, "");
    drafts.flush();
    onSend(content);
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label className="visually-hidden" htmlFor="composer-input">
        Message
      </label>
      <textarea
        id="composer-input"
        data-testid="composer"
        ref={(element) => {
          box.current = element;
          if (typeof inputRef === "function") inputRef(element);
          else if (inputRef) inputRef.current = element;
        }}
        rows={1}
        value={text}
        placeholder={running ? "Send a follow-up…" : "Message Libre Bird"}
        onChange={(event) => drafts.set(draftKey, event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            send();
          }
        }}
      />
      <div className="composer-actions">
        {running ? (
          <button
            type="button"
            className="round-button round-stop"
            data-testid="stop"
            aria-label={stopping ? "Stopping" : "Stop answering"}
            title="Stop (Esc)"
            disabled={stopping}
            onClick={onStop}
          >
            <Icon name="stop" size={22} />
          </button>
        ) : null}
        {!running || text.trim() ? (
          <button
            type="submit"
            className="round-button"
            data-testid="send"
            aria-label="Send"
            title="Send (Enter)"
            disabled={!text.trim()}
          >
            <Icon name="send" size={20} />
          </button>
        ) : null}
      </div>
    </form>
  );
}
