/** The wire contract, as docs/protocol.md describes it. Unknown keys of an answer are ignored. */

export interface Problem {
  type?: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  request_id?: string;
  retryable?: boolean;
}

export interface ModelInfo {
  provider: string;
  name: string;
  label: string;
  demo: boolean;
  hint?: string | null;
}

export type Role = "guest" | "member" | "admin" | "owner";

export interface Me {
  user: { id: string; display_name: string; email: string | null };
  workspace: { id: string; name: string; role: Role };
  csrf_token?: string;
  server: { version: string; model: ModelInfo };
}

/** How one can sign in here. `registration`: who may make an account. */
export interface SignInMethods {
  password: boolean;
  mail_link: boolean;
  registration: "invitation" | "open" | "closed";
}

export interface IdentityProvider {
  name: string;
  title: string;
}

/** The password was right, and a code of the second factor is wanted too. */
export interface SecondFactorTicket {
  second_factor_required: true;
  ticket: string;
  expires_in: number;
}

export interface Account {
  id: string;
  display_name: string;
  email: string | null;
  email_verified_at: string | null;
  created_at: string;
  has_password: boolean;
  second_factor: boolean;
  recovery_codes: number;
}

/** A browser or a program that is signed in as the caller. */
export interface Session {
  id: string;
  kind: "browser" | "token";
  current: boolean;
  address: string;
  user_agent: string;
  created_at: string;
  last_used_at: string;
  expires_at: string;
}

/** A workspace the caller is a member of, with the caller's own place in it. */
export interface Workspace {
  id: string;
  name: string;
  role: Role;
  owner_id: string;
  created_at: string;
  joined_at: string;
}

export interface Member {
  user_id: string;
  display_name: string;
  /** Null for who may not invite people. */
  email: string | null;
  role: Role;
  joined_at: string;
}

export interface Invitation {
  id: string;
  workspace: { id: string; name: string };
  role: Role;
  /** Only the user with this address may accept; null: whoever has the link. */
  email: string | null;
  invited_by: string;
  created_at: string;
  expires_at: string;
}

export type TurnStatus = "queued" | "running" | "done" | "failed" | "cancelled";

export interface ErrorInfo {
  code: string;
  detail: string;
}

export interface Turn {
  id: string;
  conversation_id: string;
  message_id: string;
  status: TurnStatus;
  attempt: number;
  error: ErrorInfo | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export type Access = "none" | "read" | "write";

/** Who of the workspace may do what with a conversation, beside its owner. */
export interface Sharing {
  workspace: Access;
  people: { user_id: string; access: Access }[];
}

export interface Conversation {
  id: string;
  title: string | null;
  archived: boolean;
  owner_id: string;
  sharing: Sharing;
  created_at: string;
  updated_at: string;
  active_turn: { id: string; status: TurnStatus } | null;
  snippet?: string | null;
}

export type ToolStatus = "running" | "ok" | "error" | "denied" | "interrupted";

export interface ToolCall {
  id: string;
  name: string;
  arguments: unknown;
  status: ToolStatus;
  result: unknown;
  duration_ms: number | null;
}

export type Part = { type: "text"; text: string } | { type: "tool_call"; call: ToolCall };

export interface Message {
  id: string;
  conversation_id: string;
  turn_id: string | null;
  /** Who wrote it; of an answer: who was answered. */
  user_id: string;
  role: "user" | "assistant";
  content: string;
  parts: Part[];
  status: "complete" | "stopped" | "failed";
  error: ErrorInfo | null;
  model: { provider: string; name: string; demo: boolean } | null;
  client_message_id: string | null;
  created_at: string;
}

export type ApprovalMode = "read_only" | "ask" | "auto";
export type ApprovalDecision = "once" | "always" | "deny";

/** A question about one tool call: nothing runs until it is answered. */
export interface Approval {
  id: string;
  conversation_id: string | null;
  turn_id: string | null;
  /** With exactly what will run. */
  call: { id: string; name: string; arguments: unknown };
  skill: string;
  reason: string;
  does: string[];
  /** "*": any public host. */
  hosts: string[];
  program: string | null;
  /** Why "always" cannot be answered; null: it can. */
  only_once: string | null;
  state: "open" | "granted" | "denied" | "expired" | "withdrawn";
  decision: ApprovalDecision | null;
  created_at: string;
  expires_at: string;
  decided_at: string | null;
}

/** A standing "always". */
export interface Grant {
  id: string;
  skill: string;
  tool: string;
  host: string | null;
  program: string | null;
  created_at: string;
}

export interface ToolMode {
  workspace: ApprovalMode | null;
  conversation: ApprovalMode | null;
  effective: ApprovalMode;
}

export interface ToolProgress {
  call_id: string;
  fraction: number | null;
  message: string;
}

export interface Tool {
  name: string;
  skill: string;
  description: string;
  parameters: unknown;
  runs_on: "sandbox" | "device";
  network: string[];
  idempotent: boolean;
}

/** What I use here, and the limits that hold. Costs are millionths of a currency. */
export interface Usage {
  used: { messages_today: number; tokens_today: number; tokens_this_month: number; cost_this_month: number; bytes: number };
  limits: UsageLimit[];
}

export interface UsageLimit {
  of: "user" | "workspace" | "member";
  what: "messages_a_day" | "tokens_a_day" | "tokens_a_month" | "cost_a_month" | "bytes";
  used: number;
  limit: number;
  raised_by: "operator" | "admin";
  resets_at: string | null;
}

export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  created_at: string;
  last_used_at: string | null;
}

export interface ConversationPage {
  items: Conversation[];
  next_cursor: string | null;
}

export interface MessagePage {
  items: Message[];
  next_before: string | null;
}

export interface Accepted {
  message: Message;
  turn: Turn;
  duplicate?: boolean;
}

/** Where a client is in the events of one turn. */
export interface Cursor {
  turn_id: string;
  attempt: number;
  seq: number;
}

interface TurnEventBase extends Cursor {
  conversation_id: string;
}

export type TurnEvent = TurnEventBase &
  (
    | { type: "turn.started"; turn: Turn }
    | { type: "turn.delta"; text: string }
    | { type: "turn.tool_call"; call: ToolCall }
    | { type: "turn.tool_result"; call: ToolCall }
    | { type: "turn.finished"; turn: Turn; message: Message | null }
    | { type: "turn.snapshot"; turn: Turn; parts: Part[]; approvals?: Approval[] }
    | { type: "tool.approval"; approval: Approval }
    | { type: "tool.progress"; progress: ToolProgress }
  );

export type ListEvent =
  | { type: "message.created"; message: Message; turn: Turn }
  | { type: "conversation.updated"; conversation: Conversation }
  | { type: "conversation.deleted"; conversation_id: string };

export type Answer =
  | { type: "subscribed" | "unsubscribed"; id: string; conversation_id: string }
  | ({ type: "accepted"; id: string } & Accepted)
  | { type: "cancelling"; id: string; turn_id: string }
  | { type: "pong"; id: string }
  | { type: "error"; id?: string | null; problem: Problem };

export interface Hello {
  type: "hello";
  protocol: number;
  connection_id: string;
  user_id: string;
}

export type ServerFrame = Hello | Answer | TurnEvent | ListEvent;

export const turnEventTypes = [
  "turn.started",
  "turn.delta",
  "turn.tool_call",
  "turn.tool_result",
  "turn.finished",
  "turn.snapshot",
  "tool.approval",
  "tool.progress",
] as const;

export function isTurnEvent(frame: { type: string }): frame is TurnEvent {
  return (turnEventTypes as readonly string[]).includes(frame.type);
}

export function isOver(status: TurnStatus): boolean {
  return status === "done" || status === "failed" || status === "cancelled";
}

/** What the settings show of a skill. */
export interface Skill {
  name: string;
  display_name: string;
  connectable: boolean;
  needs_connection: boolean;
}

/** A person's own connection to the server of a skill. */
export interface SkillConnection {
  skill: string;
  connected: boolean;
  server: string;
  issuer: string;
  scope: string;
  expires_at?: string;
  /** Connected, but its tools could not be taken over: why. */
  problem: string;
}

/** Days without a new message after which a conversation is deleted; 0: never. */
export interface RetentionRules {
  conversation_days: number;
  archived_days: number;
}

/** What of an export was brought in. */
export interface BroughtReport {
  dry_run: boolean;
  tables: { table: string; added: number; known: number; left_out: number }[];
  files: { added: number; known: number; left_out: number };
}
