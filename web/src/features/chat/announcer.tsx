import { useEffect, useRef, useState } from "react";
import type { TurnView } from "../../api/turn_reducer";

/** Tells a screen reader that an answer began and how it ended, not every token of it. */
export function Announcer({ turns }: { turns: readonly TurnView[] }) {
  const [text, setText] = useState("");
  const said = useRef(new Map<string, string>());
  useEffect(() => {
    for (const view of turns) {
      const news = describe(view);
      const before = said.current.get(view.turn.id);
      said.current.set(view.turn.id, news);
      if (news && news !== before) setText(news);
    }
  }, [turns]);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}

function describe(view: TurnView): string {
  const question = view.approvals.at(-1);
  if (question) return `Libre Bird asks for permission: ${question.reason}`;
  if (!view.finished) return view.attempt > 0 ? "Libre Bird is answering." : "";
  if (view.turn.status === "failed") return "The answer failed.";
  if (view.turn.status === "cancelled") return "The answer was stopped.";
  const content = view.message?.content ?? "";
  return content.length > 300 ? `Answer ready: ${content.slice(0, 300)}…` : `Answer ready: ${content}`;
}
