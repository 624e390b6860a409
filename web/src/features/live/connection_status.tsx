import { useConnection, useLive, useOutbox } from "./context";
import type { Connection } from "./live_client";

const texts: Record<Connection, string> = {
  connecting: "Connecting…",
  online: "Connected",
  limited: "Connected, live updates limited",
  offline: "Offline",
};

export function ConnectionStatus() {
  const live = useLive();
  const connection = useConnection();
  const waiting = useOutbox().filter((entry) => entry.state === "waiting").length;
  const unsent = connection !== "online" && waiting > 0 ? ` · ${waiting} to send` : "";
  return (
    <div className="connection-box">
      <span className={`connection connection-${connection}`} data-testid="connection-status" data-status={connection} role="status">
        <span className="connection-dot" aria-hidden="true" />
        {texts[connection]}
        {unsent}
      </span>
      {connection === "offline" ? (
        <button type="button" className="button button-small" onClick={() => live.retryNow()}>
          Try now
        </button>
      ) : null}
    </div>
  );
}
