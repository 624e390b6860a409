import { useId, useState } from "react";
import type { ToolCall, ToolProgress, ToolStatus } from "../../api/types";
import { CopyButton } from "../../ui/copy_button";
import { duration } from "../../ui/format";
import { Icon, type IconName } from "../../ui/icons";

const shownChars = 20_000;

const looks: Record<ToolStatus, { icon: IconName | null; text: string }> = {
  running: { icon: null, text: "Running" },
  ok: { icon: "check", text: "Done" },
  error: { icon: "alert", text: "Failed" },
  denied: { icon: "blocked", text: "Not allowed" },
  interrupted: { icon: "clock", text: "Interrupted" },
};

/** Pretty JSON; text that is not JSON stays as it is. */
export function pretty(value: unknown): string {
  if (typeof value === "string") {
    const text = value.trim();
    if (!/^[[{]/.test(text)) return value;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return value;
    }
  }
  return JSON.stringify(value, null, 2) ?? "";
}

/** The arguments in one line, for the folded card. */
export function glance(args: ToolCall["arguments"]): string {
  const values = Object.values(args ?? {}).filter((value) => value !== null && value !== "");
  const text = values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(", ");
  return text.replace(/\s+/g, " ").trim().slice(0, 120);
}

function progressText({ fraction, message }: ToolProgress): string {
  const percent = fraction === null ? "" : `${Math.round(fraction * 100)} %`;
  return [percent, message.slice(0, 80)].filter(Boolean).join(" · ") || "Running";
}

function Field({ name, value }: { name: string; value: unknown }) {
  const text = pretty(value);
  return (
    <div className="tool-field">
      <div className="tool-field-head">
        <h4>{name}</h4>
        <CopyButton text={text} label={`Copy ${name.toLowerCase()}`} />
      </div>
      <pre tabIndex={0}>
        {text.slice(0, shownChars)}
        {text.length > shownChars ? `\n… ${text.length - shownChars} more characters (copy to see all)` : ""}
      </pre>
    </div>
  );
}

interface ToolCardProps {
  call: ToolCall;
  over?: boolean;
  progress?: ToolProgress | undefined;
}

export function ToolCard({ call, over = false, progress }: ToolCardProps) {
  const [unfolded, setUnfolded] = useState(false);
  const bodyId = useId();
  // A call that still "runs" in a turn that is over never got its result.
  const status = call.status === "running" && over ? "interrupted" : call.status;
  const look = looks[status] ?? looks.error;
  return (
    <div className={`tool-card tool-${status}`} data-testid="tool-call" data-status={status}>
      <button
        type="button"
        className={unfolded ? "tool-head tool-unfolded" : "tool-head"}
        aria-expanded={unfolded}
        aria-controls={bodyId}
        onClick={() => setUnfolded((was) => !was)}
      >
        <span className="tool-status">
          {look.icon ? <Icon name={look.icon} size={16} /> : <span className="spinner" aria-hidden="true" />}
        </span>
        <span className="tool-name">{call.name}</span>
        {unfolded ? null : <span className="tool-glance">{glance(call.arguments)}</span>}
        <span className={status === "ok" ? "tool-state visually-hidden" : "tool-state"}>
          {status === "running" && progress ? progressText(progress) : look.text}
        </span>
        {call.duration_ms === null || call.duration_ms === undefined ? null : (
          <span className="tool-time">{duration(call.duration_ms)}</span>
        )}
        <Icon name="chevron" size={16} />
      </button>
      <div id={bodyId} hidden={!unfolded} className="tool-body">
        {unfolded ? (
          <>
            <Field name="Arguments" value={call.arguments ?? {}} />
            {call.result === null || call.result === undefined ? (
              <p className="quiet">{status === "running" ? "No result yet." : "There is no result."}</p>
            ) : (
              <Field name="Result" value={call.result} />
            )}
          </>
        ) : null}
      </div>
    </div>
  );
}
