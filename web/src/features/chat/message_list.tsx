import { useEffect, useRef, type ReactNode } from "react";
import { Icon } from "../../ui/icons";
import { useStick } from "./use_stick";

interface Props {
  resetKey: string;
  firstKey: string | undefined;
  /** Grows when the reader sends something, which always goes to the end. */
  sent: number;
  hasOlder: boolean;
  loadingOlder: boolean;
  onOlder(): void;
  children: ReactNode;
}

export function MessageList({ resetKey, firstKey, sent, hasOlder, loadingOlder, onOlder, children }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const top = useRef<HTMLDivElement>(null);
  const { away, jump } = useStick(scroller, firstKey, resetKey);

  useEffect(() => {
    if (sent > 0) jump();
  }, [sent, jump]);

  useEffect(() => {
    const sentinel = top.current;
    if (!sentinel || !hasOlder || loadingOlder) return;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && onOlder(), {
      root: scroller.current,
      rootMargin: "400px 0px 0px 0px",
    });
    observer.observe(sentinel);
    return () => observer.disconnect();
  }, [hasOlder, loadingOlder, onOlder]);

  return (
    <div className="messages-frame">
      {/* Focusable, so that the keyboard can scroll it. */}
      <div className="messages" ref={scroller} tabIndex={0} role="log" aria-live="off" aria-label="Conversation">
        <div className="messages-column">
          <div ref={top} className="messages-top" role="status">
            {loadingOlder ? "Loading older messages…" : null}
          </div>
          {children}
        </div>
      </div>
      {away ? (
        <button type="button" className="jump" onClick={() => jump(true)}>
          <Icon name="down" size={16} /> Jump to latest
        </button>
      ) : null}
    </div>
  );
}
