import { useEffect } from "react";
import type { Me } from "../../api/types";
import { Icon } from "../../ui/icons";
import { ModelBadge } from "./model_badge";

export function ChatHeader({ title, me, onMenu }: { title: string; me: Me; onMenu(): void }) {
  const shown = title || "New chat";
  useEffect(() => {
    document.title = `${shown} – Libre Bird`;
  }, [shown]);
  return (
    <header className="chat-head">
      <button type="button" className="icon-button only-narrow" aria-label="Open the conversation list" onClick={onMenu}>
        <Icon name="menu" />
      </button>
      <h1 title={shown}>{shown}</h1>
      <ModelBadge model={me.server.model} />
    </header>
  );
}
