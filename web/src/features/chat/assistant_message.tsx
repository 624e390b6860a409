import { memo } from "react";
import type { TurnView } from "../../api/turn_reducer";
import type { ErrorInfo, Message, Part } from "../../api/types";
import { Bird } from "../../ui/bird";
import { CopyButton } from "../../ui/copy_button";
import { fullTime } from "../../ui/format";
import { Icon } from "../../ui/icons";
import { ApprovalCard } from "./approval_card";
import { Markdown } from "./markdown";
import { ToolCard } from "./tool_card";

function Parts({ parts, over, view }: { parts: readonly Part[]; over: boolean; view?: TurnView }) {
  return parts.map((part, index) => {
    if (part.type === "tool_call") {
      const question = view?.approvals.find((each) => each.call.id === part.call.id);
      if (question) return <ApprovalCard key={question.id} approval={question} />;
      return <ToolCard key={part.call.id} call={part.call} over={over} progress={view?.progress[part.call.id]} />;
    }
    // A kind of part that a later server may add is passed over.
    return part.type === "text" ? <Markdown key={index} text={part.text} /> : null;
  });
}

function Failure({ error, onAgain }: { error: ErrorInfo | null; onAgain?: () => void }) {
  return (
    <div className="notice notice-error" role="alert">
      <Icon name="alert" size={18} />
      <span>{error?.detail || "The answer failed, and the server gave no reason."}</span>
      {onAgain ? (
        <button type="button" className="button button-small" onClick={onAgain}>
          Answer again
        </button>
      ) : null}
    </div>
  );
}

function Stopped() {
  return (
    <p className="notice">
      <Icon name="stop" size={18} />
      <span>This answer was stopped.</span>
    </p>
  );
}

interface StoredProps {
  message: Message;
  /** Nothing would be lost by answering again. */
  last: boolean;
  onRegenerate: ((message: Message) => void) | null;
}

export const StoredAnswer = memo(function StoredAnswer({ message, last, onRegenerate }: StoredProps) {
  const parts: Part[] =
    message.parts?.length > 0 ? message.parts : message.content ? [{ type: "text", text: message.content }] : [];
  const offer = message.status === "failed" && last && onRegenerate !== null;
  return (
    <article className="message message-assistant" data-testid="message-assistant" data-status={message.status} data-message-id={message.id} aria-label="Libre Bird">
      <Bird size={26} />
      <div className="answer">
        <Parts parts={parts} over />
        {message.status === "failed" ? <Failure error={message.error} {...(offer ? { onAgain: () => onRegenerate(message) } : {})} /> : null}
        {message.status === "stopped" ? <Stopped /> : null}
        <div className="message-foot">
          {message.model?.demo ? <span className="demo-label">Demo answer</span> : null}
          <div className="message-tools">
            {message.content ? <CopyButton text={message.content} label="Copy message" /> : null}
            {onRegenerate && !offer ? (
              <button
                type="button"
                className="icon-button"
                aria-label="Answer again"
                title={last ? "Answer again" : "Answer again; what follows is removed"}
                onClick={() => onRegenerate(message)}
              >
                <Icon name="refresh" size={16} />
              </button>
            ) : null}
            <time dateTime={message.created_at}>{fullTime(message.created_at)}</time>
            {message.model && !message.model.demo ? <span className="message-model">{message.model.name}</span> : null}
          </div>
        </div>
      </div>
    </article>
  );
});

export function LiveAnswer({ view }: { view: TurnView }) {
  const { turn, parts, finished } = view;
  const last = parts.at(-1);
  const waiting = !finished && (!last || (last.type === "tool_call" && last.call.status !== "running"));
  return (
    <article
      className="message message-assistant"
      data-testid="message-assistant"
      data-status={finished ? turn.status : "streaming"}
      aria-label="Libre Bird"
      aria-busy={!finished}
    >
      <Bird size={26} />
      <div className={finished ? "answer" : "answer answer-live"}>
        <Parts parts={parts} over={finished} view={view} />
        {waiting ? (
          <p className="thinking" aria-label="Thinking">
            <span />
            <span />
            <span />
          </p>
        ) : null}
        {turn.status === "failed" ? <Failure error={turn.error} /> : null}
        {turn.status === "cancelled" ? <Stopped /> : null}
      </div>
    </article>
  );
}
