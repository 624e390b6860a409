import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { rest } from "../../api/rest";
import type { Me } from "../../api/types";
import { errorText } from "../../ui/toast";
import { keys } from "../live/cache";

interface Props {
  /** Filled in already, as in an invitation. */
  email?: string;
  /** The token of an invitation: with it an account may be made even where others may not. */
  invitation?: string;
  /** `registered`: with an account that was made just now, and has used the invitation up. */
  onEntered(me: Me, registered: boolean): void;
}

type Step = "password" | "register" | "link" | "reset";

/** The ways in for somebody who is not signed in. */
export function EnterForms({ email: given = "", invitation, onEntered }: Props) {
  const methods = useQuery({ queryKey: keys.signInMethods, queryFn: ({ signal }) => rest.signInMethods(signal) });
  const [step, setStep] = useState<Step>(invitation ? "register" : "password");
  const [email, setEmail] = useState(given);
  const mails = methods.data?.mail_link ?? false;
  const registers = methods.data?.registration === "open" || (invitation !== undefined && methods.data?.registration !== "closed");
  const shared = { email, setEmail };
  return (
    <div className="enter">
      {step === "password" || (step === "register" && !registers) ? <Password {...shared} onEntered={(me) => onEntered(me, false)} /> : null}
      {step === "register" && registers ? (
        <Register {...shared} invitation={invitation} onEntered={(me) => onEntered(me, true)} />
      ) : null}
      {step === "link" || step === "reset" ? <MailLink {...shared} reset={step === "reset"} /> : null}
      <ul className="enter-ways">
        {step !== "password" ? <Way onClick={() => setStep("password")}>Sign in with a password</Way> : null}
        {registers && step !== "register" ? <Way onClick={() => setStep("register")}>Make an account</Way> : null}
        {mails && step !== "link" ? <Way onClick={() => setStep("link")}>E-mail me a sign-in link</Way> : null}
        {mails && step === "password" ? <Way onClick={() => setStep("reset")}>I forgot my password</Way> : null}
      </ul>
    </div>
  );
}

function Way({ onClick, children }: { onClick(): void; children: ReactNode }) {
  return (
    <li>
      <button type="button" className="link-button" onClick={onClick}>
        {children}
      </button>
    </li>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onChange(value: string): void;
  type?: string;
  autoComplete: string;
  autoFocus?: boolean;
  hint?: string;
  inputMode?: "numeric";
  minLength?: number;
}

export function Field({ label, value, onChange, type = "text", hint, ...rest }: FieldProps) {
  return (
    <label className="field">
      <span>{label}</span>
      <input className="input" required type={type} value={value} onChange={(event) => onChange(event.target.value)} {...rest} />
      {hint ? <small className="quiet">{hint}</small> : null}
    </label>
  );
}

interface FormProps {
  name: string;
  action: string;
  busy: boolean;
  problem: Error | null;
  onSubmit(): void;
  children: ReactNode;
}

/** A form that says what the server said, and cannot be sent twice. */
export function EnterForm({ name, action, busy, problem, onSubmit, children }: FormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy) onSubmit();
  };
  return (
    <form className="enter-form" aria-label={name} onSubmit={submit}>
      {children}
      {problem ? (
        <p role="alert" className="notice notice-error">
          {errorText(problem)}
        </p>
      ) : null}
      <button type="submit" className="button button-primary" disabled={busy}>
        {action}
      </button>
    </form>
  );
}

interface EmailState {
  email: string;
  setEmail(email: string): void;
}

function EmailField({ email, setEmail }: EmailState) {
  return <Field label="E-mail address" type="email" value={email} onChange={setEmail} autoComplete="username" autoFocus={!email} />;
}

function Password({ onEntered, ...mail }: EmailState & { onEntered(me: Me): void }) {
  const [password, setPassword] = useState("");
  const [ticket, setTicket] = useState<string | null>(null);
  const enter = useMutation({
    mutationFn: () => rest.signInWithPassword(mail.email.trim(), password),
    onSuccess: (answer) => ("ticket" in answer ? setTicket(answer.ticket) : onEntered(answer)),
    gcTime: 0,
  });
  if (ticket) return <Code ticket={ticket} onEntered={onEntered} onBack={() => setTicket(null)} />;
  return (
    <EnterForm name="Sign in" action="Sign in" busy={enter.isPending} problem={enter.error} onSubmit={() => enter.mutate()}>
      <EmailField {...mail} />
      <Field
        label="Password"
        type="password"
        value={password}
        onChange={setPassword}
        autoComplete="current-password"
        autoFocus={mail.email !== ""}
      />
    </EnterForm>
  );
}

function Code({ ticket, onEntered, onBack }: { ticket: string; onEntered(me: Me): void; onBack(): void }) {
  const [code, setCode] = useState("");
  const enter = useMutation({ mutationFn: () => rest.signInWithCode(ticket, code.trim()), onSuccess: onEntered, gcTime: 0 });
  return (
    <EnterForm name="Second factor" action="Sign in" busy={enter.isPending} problem={enter.error} onSubmit={() => enter.mutate()}>
      <Field
        label="Code of your authenticator, or a recovery code"
        value={code}
        onChange={setCode}
        autoComplete="one-time-code"
        autoFocus
      />
      <button type="button" className="link-button" onClick={onBack}>
        Begin again
      </button>
    </EnterForm>
  );
}

function Register({ invitation, onEntered, ...mail }: EmailState & { invitation: string | undefined; onEntered(me: Me): void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const register = useMutation({
    mutationFn: async () => {
      const email = mail.email.trim();
      const account = { email, password, display_name: name.trim() };
      const { status } = await rest.register(invitation === undefined ? account : { ...account, invitation });
      if (status === "verify_email") return null;
      const entered = await rest.signInWithPassword(email, password);
      return "ticket" in entered ? null : entered;
    },
    onSuccess: (me) => {
      if (me) onEntered(me);
    },
    gcTime: 0,
  });
  if (register.data === null) {
    return <p role="status">Almost there: open the link in the mail we have sent you, then sign in.</p>;
  }
  return (
    <EnterForm name="Make an account" action="Make the account" busy={register.isPending} problem={register.error} onSubmit={() => register.mutate()}>
      <Field label="Your name" value={name} onChange={setName} autoComplete="name" />
      <EmailField {...mail} />
      <Field
        label="Password"
        type="password"
        value={password}
        onChange={setPassword}
        autoComplete="new-password"
        minLength={10}
        hint="At least 10 characters; a few words are best."
      />
    </EnterForm>
  );
}

function MailLink({ reset, ...mail }: EmailState & { reset: boolean }) {
  const send = useMutation({
    mutationFn: () => (reset ? rest.mailPasswordReset(mail.email.trim()) : rest.mailSignInLink(mail.email.trim())),
  });
  if (send.isSuccess) {
    // The same words whether or not there is such an account.
    return <p role="status">If {mail.email} has an account here, a link is on its way. It is good once, for 15 minutes.</p>;
  }
  return (
    <EnterForm
      name={reset ? "New password" : "Sign-in link"}
      action="Send the link"
      busy={send.isPending}
      problem={send.error}
      onSubmit={() => send.mutate()}
    >
      <EmailField {...mail} />
    </EnterForm>
  );
}
