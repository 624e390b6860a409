import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { newId } from "../api/ids";
import { rest } from "../api/rest";
import type { Me } from "../api/types";
import { isNarrow } from "../ui/media";
import { conversationPath, navigate, parseRoute, usePath } from "../router";
import { ChatView, newDraft } from "./chat/chat_view";
import { Drafts } from "./chat/drafts";
import { Sidebar } from "./conversations/sidebar";
import { keys } from "./live/cache";
import { LiveContext } from "./live/context";
import { LiveClient } from "./live/live_client";
import { SettingsDialog } from "./settings/settings_dialog";

const laneKey = "librebird.new-chat";

function freshLane(): string {
  const lane = `new:${newId()}`;
  try {
    sessionStorage.setItem(laneKey, lane);
  } catch {
    // It need not outlive the page.
  }
  return lane;
}

function storedLane(): string {
  try {
    return sessionStorage.getItem(laneKey) ?? freshLane();
  } catch {
    return freshLane();
  }
}

/** All of the app behind the sign-in. */
export function Workspace({ me }: { me: Me }) {
  const client = useQueryClient();
  const route = parseRoute(usePath());
  const id = route.page === "conversation" ? route.id : null;
  const [drafts] = useState(() => new Drafts(me.user.id));
  const [lane, setLane] = useState(storedLane);
  const [drawer, setDrawer] = useState(false);
  const [settings, setSettings] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const laneNow = useRef(lane);
  laneNow.current = lane;

  const [live] = useState(
    () =>
      new LiveClient({
        queryClient: client,
        userId: me.user.id,
        onCredentialLost: () => client.setQueryData(keys.me, null),
        onConversationCreated: (localKey, created) => {
          if (localKey !== laneNow.current) return;
          const here = parseRoute(location.pathname);
          setLane(freshLane());
          if (here.page !== "new") return;
          drafts.move(newDraft, created);
          navigate(conversationPath(created), { replace: true });
        },
        onConversationDeleted: (gone) => {
          const here = parseRoute(location.pathname);
          if (here.page === "conversation" && here.id === gone) navigate("/", { replace: true });
        },
      }),
  );
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);

  const newChat = useCallback(() => {
    // What waits for the former new chat's conversation goes there, not into this one.
    if (live.outbox.list(laneNow.current).length > 0) setLane(freshLane());
    navigate("/");
    setDrawer(false);
    requestAnimationFrame(() => document.getElementById("composer-input")?.focus());
  }, [live]);

  const focusSearch = useCallback(() => {
    // At once, so that what is typed next is already part of the search.
    if (isNarrow()) flushSync(() => setDrawer(true));
    search.current?.focus();
    search.current?.select();
  }, []);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") setDrawer(false);
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      if (key === "k" && !event.shiftKey) {
        event.preventDefault();
        focusSearch();
      } else if (key === "o" && event.shiftKey) {
        event.preventDefault();
        newChat();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [focusSearch, newChat]);

  const signOut = async () => {
    await rest.signOut();
    live.outbox.clear();
    drafts.clear();
    live.stop();
    // A fresh page holds nothing of what was read in this one.
    location.replace("/");
  };

  return (
    <LiveContext.Provider value={live}>
      <div className="app" data-drawer-open={drawer || undefined}>
        <Sidebar
          currentId={id}
          open={drawer}
          me={me}
          searchRef={search}
          onNewChat={newChat}
          onClose={() => setDrawer(false)}
          onSettings={() => {
            setDrawer(false);
            setSettings(true);
          }}
        />
        <ChatView
          me={me}
          id={id}
          lane={id ?? lane}
          drafts={drafts}
          covered={drawer && isNarrow()}
          onMenu={() => setDrawer(true)}
        />
      </div>
      {settings ? <SettingsDialog me={me} onClose={() => setSettings(false)} onSignOut={signOut} /> : null}
    </LiveContext.Provider>
  );
}
