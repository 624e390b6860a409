import { useEffect } from "react";
import type { Me } from "../../api/types";
import { Icon } from "../../ui/icons";
import { ModeSwitch } from "./mode_switch";
import { ModelBadge } from "./model_badge";

interface Props {
  title: string;
  me: Me;
  /** Null while the chat is new. */
  id: string | null;
  onMenu(): void;
}

export function ChatHeader({ title, me, id, onMenu }: Props) {
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
      {id === null ? null : <ModeSwitch key={id} id={id} />}
      <ModelBadge model={me.server.model} />
    </header>
  );
}
