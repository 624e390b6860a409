import { CopyButton } from "../../ui/copy_button";
import { CalmPage } from "./calm_page";
import { EnterForms } from "./enter_forms";

const command = "librebird sign-in-link";

export function LinkHelp() {
  return (
    <>
      <p>A link works once. To get a new one, run this where Libre Bird is installed:</p>
      <div className="command">
        <code>{command}</code>
        <CopyButton text={command} label="Copy the command" />
      </div>
    </>
  );
}

export function SignedOut() {
  return (
    <CalmPage title="Welcome to Libre Bird">
      {/* A fresh page holds nothing of what another person read in this one. */}
      <EnterForms onEntered={() => location.reload()} />
      <details className="quiet">
        <summary>Sign in with a one-time link</summary>
        <LinkHelp />
        <p>Then open the link in this browser. If someone else runs the server, ask them for a link.</p>
      </details>
    </CalmPage>
  );
}

export function Unreachable({ error, onRetry }: { error: Error; onRetry: () => void }) {
  return (
    <CalmPage title="Libre Bird is not answering">
      <p role="alert">{error.message}</p>
      <p className="quiet">This page keeps trying by itself.</p>
      <button type="button" className="button" onClick={onRetry}>
        Try now
      </button>
    </CalmPage>
  );
}
