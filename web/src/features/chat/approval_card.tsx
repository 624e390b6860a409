import { useEffect, useState } from "react";
import { rest } from "../../api/rest";
import type { Approval, ApprovalDecision } from "../../api/types";
import { Icon } from "../../ui/icons";
import { errorText, useToast } from "../../ui/toast";
import { pretty } from "./tool_card";

/** A card that slides under a finger must not be answered by a tap that was meant for something else. */
const armAfterMs = 500;

/** Seconds left to answer, never more than were given: clocks differ. */
export function secondsLeft(approval: Pick<Approval, "created_at" | "expires_at">, now: number): number {
  const given = Date.parse(approval.expires_at) - Date.parse(approval.created_at);
  const left = Math.min(given, Date.parse(approval.expires_at) - now);
  return Math.max(0, Math.ceil(left / 1000));
}

export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Text that shows every character it holds: nothing hidden, nothing that turns the direction of reading. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) =>
    char === "\n" || char === "\t" ? char : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

function scope({ hosts, program }: Approval): string {
  const parts = [];
  if (program) parts.push(program);
  if (hosts.length > 0) parts.push(hosts.map((host) => (host === "*" ? "any host" : host)).join(", "));
  return parts.length > 0 ? ` for ${parts.join(" at ")}` : "";
}

export function ApprovalCard({ approval }: { approval: Approval }) {
  const toast = useToast();
  const [left, setLeft] = useState(() => secondsLeft(approval, Date.now()));
  const [armed, setArmed] = useState(false);
  const [answer, setAnswer] = useState<ApprovalDecision | null>(null);

  useEffect(() => {
    const ticking = setInterval(() => setLeft(secondsLeft(approval, Date.now())), 1000);
    return () => clearInterval(ticking);
  }, [approval]);
  useEffect(() => {
    const arming = setTimeout(() => setArmed(true), armAfterMs);
    return () => clearTimeout(arming);
  }, []);

  const decide = async (decision: ApprovalDecision) => {
    setAnswer(decision);
    try {
      await rest.decide(approval.id, decision);
      // The card goes when the server says so; the keyboard goes on where people write.
      document.getElementById("composer-input")?.focus();
    } catch (error) {
      setAnswer(null);
      toast(errorText(error), { kind: "error" });
    }
  };

  const idle = !armed || answer !== null || left === 0;
  const id = `approval-${approval.id}`;
  return (
    <section className="approval" data-testid="approval" aria-labelledby={`${id}-title`}>
      <header className="approval-head">
        <Icon name="shield" size={18} />
        <h3 id={`${id}-title`}>
          May <code>{plain(approval.call.name)}</code> run?
        </h3>
        <span className="approval-clock" aria-hidden="true" title="Unanswered, it counts as no">
          {clock(left)}
        </span>
      </header>
      <p className="approval-reason">{plain(approval.reason)}</p>
      <dl className="approval-facts">
        {approval.hosts.length > 0 ? (
          <>
            <dt>Reaches</dt>
            <dd>{approval.hosts.map((host) => (host === "*" ? "any public host" : plain(host))).join(", ")}</dd>
          </>
        ) : null}
        {approval.program ? (
          <>
            <dt>Runs</dt>
            <dd>
              <code>{plain(approval.program)}</code>
            </dd>
          </>
        ) : null}
        <dt>With</dt>
        <dd>
          <pre tabIndex={0} aria-label="Arguments">
            {plain(pretty(approval.call.arguments ?? {}))}
          </pre>
        </dd>
      </dl>
      {left === 0 ? <p className="quiet">The time to answer is over, which counts as no.</p> : null}
      <div className="approval-buttons">
        <button type="button" className="button button-primary" disabled={idle} onClick={() => void decide("once")}>
          Allow once
        </button>
        <button
          type="button"
          className="button"
          disabled={idle || approval.only_once !== null}
          aria-describedby={`${id}-always`}
          onClick={() => void decide("always")}
        >
          Always allow
        </button>
        <button type="button" className="button button-deny" disabled={idle} onClick={() => void decide("deny")}>
          Deny
        </button>
      </div>
      <p className="quiet approval-always" id={`${id}-always`}>
        {approval.only_once === null
          ? `Always: this tool${plain(scope(approval))}, until you revoke it in Settings → Tools.`
          : plain(approval.only_once)}
      </p>
    </section>
  );
}
