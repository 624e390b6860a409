import { useEffect, useState } from "react";
import type { Conversation, Me } from "../../api/types";
import { Icon } from "../../ui/icons";
import { ModeSwitch } from "./mode_switch";
import { ModelBadge } from "./model_badge";
import { ShareDialog } from "./share_dialog";

interface Props {
  title: string;
  me: Me;
  /** Null while the chat is new. */
  id: string | null;
  /** As far as it is known. */
  conversation: Conversation | null;
  onMenu(): void;
}

export function ChatHeader({ title, me, id, conversation, onMenu }: Props) {
  const [sharing, setSharing] = useState(false);
  const shown = title || "New chat";
  const mayShare = conversation !== null && conversation.owner_id === me.user.id && me.workspace.role !== "guest";
  const shared = conversation !== null && (conversation.sharing.workspace !== "none" || conversation.sharing.people.length > 0);
  useEffect(() => {
    document.title = `${shown} – Libre Bird`;
  }, [shown]);
  return (
    <header className="chat-head">
      <button type="button" className="icon-button only-narrow" aria-label="Open the conversation list" onClick={onMenu}>
        <Icon name="menu" />
      </button>
      <h1 title={shown}>{shown}</h1>
      {mayShare ? (
        <button
          type="button"
          className="icon-button"
          aria-label={shared ? "Shared: change with whom" : "Share"}
          title={shared ? "Shared" : "Share"}
          aria-pressed={shared}
          onClick={() => setSharing(true)}
        >
          <Icon name="people" />
        </button>
      ) : null}
      {id === null ? null : <ModeSwitch key={id} id={id} />}
      <ModelBadge model={me.server.model} />
      {sharing && conversation ? <ShareDialog me={me} conversation={conversation} onClose={() => setSharing(false)} /> : null}
    </header>
  );
}
