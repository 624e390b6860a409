import { chooseWorkspace, chosenWorkspace } from "./place";
import type {
  BroughtReport,
  Accepted,
  Account,
  ApiKey,
  Approval,
  ApprovalDecision,
  ApprovalMode,
  Conversation,
  ConversationPage,
  Grant,
  IdentityProvider,
  Invitation,
  Me,
  Member,
  MessagePage,
  Problem,
  RetentionRules,
  Role,
  SecondFactorTicket,
  Session,
  Sharing,
  SignInMethods,
  Skill,
  SkillConnection,
  Tool,
  ToolMode,
  Turn,
  Usage,
  Workspace,
} from "./types";

/** A refusal by the server, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    /** Seconds the server asked to wait, if it did. */
    readonly retryAfter: number | null = null,
  ) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
  }
  get status(): number {
    return this.problem.status;
  }
  /** Worth trying again unchanged, later. */
  get retryable(): boolean {
    return this.problem.retryable ?? (this.status === 429 || this.status >= 500);
  }
}

/** The server could not be reached at all. */
export class NetworkError extends Error {
  constructor() {
    super("The server cannot be reached.");
    this.name = "NetworkError";
  }
}

let csrfToken = "";
let onUnauthorized: () => void = () => {};

export function setUnauthorizedHandler(handler: () => void): void {
  onUnauthorized = handler;
}

interface Options {
  method?: string;
  body?: unknown;
  signal?: AbortSignal;
}

async function request<T>(path: string, options: Options = {}): Promise<T> {
  const usedToken = csrfToken;
  try {
    return await requestOnce<T>(path, options);
  } catch (error) {
    // A sign-in in another tab replaces the session and with it the token: learn the new one, try once more.
    const mayBeToken = error instanceof ApiError && error.status === 403 && (options.method ?? "GET") !== "GET";
    if (!mayBeToken || path === "/session" || path.startsWith("/auth/")) throw error;
    await rest.me().catch(() => {});
    if (csrfToken === usedToken) throw error;
    return requestOnce<T>(path, options);
  }
}

async function requestOnce<T>(path: string, options: Options): Promise<T> {
  const response = await send(path, options);
  try {
    const text = await response.text();
    // 204, and 202 where nothing more is to be said.
    return text === "" ? (undefined as T) : (JSON.parse(text) as T);
  } catch {
    throw new NetworkError();
  }
}

/** The answer is a file and not JSON. */
async function requestFile(path: string): Promise<Blob> {
  const response = await send(path, { method: "POST", body: {} });
  try {
    return await response.blob();
  } catch {
    throw new NetworkError();
  }
}

async function send(path: string, { method = "GET", body, signal }: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const archive = body instanceof Blob;
  if (body !== undefined) headers["Content-Type"] = archive ? "application/gzip" : "application/json";
  if (method !== "GET" && csrfToken) headers["X-CSRF-Token"] = csrfToken;
  const workspace = chosenWorkspace();
  if (workspace) headers["Librebird-Workspace"] = workspace;
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: body === undefined ? null : archive ? body : JSON.stringify(body),
      signal: signal ?? null,
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NetworkError();
  }
  if (!response.ok) {
    const error = await readProblem(response);
    // At a sign-in, 401 is the answer and not the end of a session.
    if (error.status === 401 && path !== "/session" && !path.startsWith("/auth/")) onUnauthorized();
    throw error;
  }
  return response;
}

async function readProblem(response: Response): Promise<ApiError> {
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  const fallback: Problem = {
    title: response.statusText || "Error",
    status: response.status,
    code: "unknown",
    detail: `The server answered with status ${response.status}.`,
  };
  let problem = fallback;
  try {
    problem = { ...fallback, ...((await response.json()) as Partial<Problem>) };
  } catch {
    // A proxy's error page, not ours: the status alone has to do.
  }
  return new ApiError(problem, Number.isFinite(seconds) ? seconds : null);
}

function query(params: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

function remember(me: Me): Me {
  csrfToken = me.csrf_token ?? "";
  return me;
}

const at = encodeURIComponent;

async function me(signal?: AbortSignal): Promise<Me> {
  try {
    return remember(await request<Me>("/me", { signal }));
  } catch (error) {
    // Removed from the workspace that was chosen here: go on in the first one there is.
    if (!(error instanceof ApiError && error.status === 403 && chosenWorkspace())) throw error;
    chooseWorkspace(null);
    return remember(await request<Me>("/me", { signal }));
  }
}

export const rest = {
  me,
  signIn: async (token: string) => remember(await request<Me>("/session", { method: "POST", body: { token } })),
  signOut: () => request<undefined>("/session", { method: "DELETE" }),
  signInMethods: (signal?: AbortSignal) => request<SignInMethods>("/auth/methods", { signal }),
  identityProviders: (signal?: AbortSignal) => request<{ providers: IdentityProvider[] }>("/auth/providers", { signal }),
  signInWithPassword: async (email: string, password: string): Promise<Me | SecondFactorTicket> => {
    const answer = await request<Me | SecondFactorTicket>("/auth/sign-in", { method: "POST", body: { email, password } });
    return "ticket" in answer ? answer : remember(answer);
  },
  signInWithCode: async (ticket: string, code: string) =>
    remember(await request<Me>("/auth/second-factor", { method: "POST", body: { ticket, code } })),
  register: (account: { email: string; password: string; display_name: string; invitation?: string }) =>
    request<{ status: "ready" | "verify_email" }>("/auth/register", { method: "POST", body: account }),
  mailSignInLink: (email: string) => request<undefined>("/auth/magic-link", { method: "POST", body: { email } }),
  mailPasswordReset: (email: string) => request<undefined>("/auth/reset-password", { method: "POST", body: { email } }),
  resetPassword: (token: string, password: string) =>
    request<undefined>("/auth/reset-password/confirm", { method: "POST", body: { token, password } }),
  verifyEmail: (token: string) => request<undefined>("/auth/verify-email", { method: "POST", body: { token } }),

  account: (signal?: AbortSignal) => request<Account>("/me/account", { signal }),
  updateAccount: (change: { display_name?: string; email?: string; current_password?: string }) =>
    request<Account>("/me/account", { method: "PATCH", body: change }),
  changePassword: (password: string, current: string | null) =>
    request<undefined>("/me/password", {
      method: "POST",
      body: current === null ? { password } : { current_password: current, password },
    }),
  mailVerification: () => request<undefined>("/me/verify-email", { method: "POST" }),
  beginSecondFactor: (current: string | null) =>
    request<{ secret: string; uri: string }>("/me/second-factor", {
      method: "POST",
      body: current === null ? {} : { current_password: current },
    }),
  confirmSecondFactor: (code: string) =>
    request<{ recovery_codes: string[] }>("/me/second-factor/confirm", { method: "POST", body: { code } }),
  removeSecondFactor: (code: string) => request<undefined>("/me/second-factor/remove", { method: "POST", body: { code } }),
  sessions: (signal?: AbortSignal) => request<{ items: Session[] }>("/sessions", { signal }),
  endSession: (id: string) => request<undefined>(`/sessions/${at(id)}`, { method: "DELETE" }),
  endAllSessions: () => request<undefined>("/sessions", { method: "DELETE" }),

  conversations: (params: { limit?: number; cursor?: string | null; archived?: boolean; q?: string }, signal?: AbortSignal) =>
    request<ConversationPage>(`/conversations${query(params)}`, { signal }),
  conversation: (id: string, signal?: AbortSignal) => request<Conversation>(`/conversations/${at(id)}`, { signal }),
  createConversation: (title?: string) =>
    request<Conversation>("/conversations", { method: "POST", body: title === undefined ? {} : { title } }),
  updateConversation: (id: string, change: { title?: string; archived?: boolean }) =>
    request<Conversation>(`/conversations/${at(id)}`, { method: "PATCH", body: change }),
  share: (id: string, sharing: Sharing) =>
    request<Conversation>(`/conversations/${at(id)}/sharing`, { method: "PUT", body: sharing }),
  deleteConversation: (id: string) => request<undefined>(`/conversations/${at(id)}`, { method: "DELETE" }),

  messages: (id: string, params: { limit?: number; before?: string | null }, signal?: AbortSignal) =>
    request<MessagePage>(`/conversations/${at(id)}/messages${query(params)}`, { signal }),
  send: (conversationId: string, content: string, clientMessageId: string) =>
    request<Accepted>(`/conversations/${at(conversationId)}/messages`, {
      method: "POST",
      body: { content, client_message_id: clientMessageId },
    }),
  edit: (messageId: string, content: string, clientMessageId: string) =>
    request<Accepted>(`/messages/${at(messageId)}/edit`, {
      method: "POST",
      body: { content, client_message_id: clientMessageId },
    }),
  regenerate: (messageId: string, clientMessageId: string) =>
    request<Accepted>(`/messages/${at(messageId)}/regenerate`, {
      method: "POST",
      body: { client_message_id: clientMessageId },
    }),

  turn: (id: string) => request<Turn>(`/turns/${at(id)}`),
  cancel: (id: string) => request<Turn>(`/turns/${at(id)}/cancel`, { method: "POST" }),
  turnEventsUrl: (id: string) => `/api/v1/turns/${at(id)}/events`,

  decide: (approvalId: string, decision: ApprovalDecision) =>
    request<Approval>(`/approvals/${at(approvalId)}/decision`, { method: "POST", body: { decision } }),
  /** Of a conversation, or (null) of the workspace. */
  toolMode: (conversationId: string | null, signal?: AbortSignal) =>
    request<ToolMode>(`${conversationId === null ? "" : `/conversations/${at(conversationId)}`}/tool-policy`, { signal }),
  setToolMode: (conversationId: string | null, mode: ApprovalMode | null) =>
    request<ToolMode>(`${conversationId === null ? "" : `/conversations/${at(conversationId)}`}/tool-policy`, {
      method: "PUT",
      body: { mode },
    }),
  grants: (signal?: AbortSignal) => request<{ items: Grant[] }>("/grants", { signal }),
  revokeGrant: (id: string) => request<undefined>(`/grants/${at(id)}`, { method: "DELETE" }),

  usage: (signal?: AbortSignal) => request<Usage>("/me/usage", { signal }),
  exportMe: () => requestFile("/me/export"),
  importMe: (archive: Blob) => request<BroughtReport>("/me/import", { method: "POST", body: archive }),
  eraseMe: (password: string) => request<undefined>("/me", { method: "DELETE", body: { current_password: password } }),

  workspaces: (signal?: AbortSignal) => request<{ items: Workspace[] }>("/workspaces", { signal }),
  createWorkspace: (name: string) => request<Workspace>("/workspaces", { method: "POST", body: { name } }),
  renameWorkspace: (id: string, name: string) => request<Workspace>(`/workspaces/${at(id)}`, { method: "PATCH", body: { name } }),
  deleteWorkspace: (id: string) => request<undefined>(`/workspaces/${at(id)}`, { method: "DELETE" }),
  retention: (id: string, signal?: AbortSignal) => request<RetentionRules>(`/workspaces/${at(id)}/retention`, { signal }),
  setRetention: (id: string, rules: RetentionRules & { dry_run?: boolean }) =>
    request<RetentionRules & { conversations_past: number }>(`/workspaces/${at(id)}/retention`, { method: "PUT", body: rules }),
  leaveWorkspace: (id: string) => request<undefined>(`/workspaces/${at(id)}/leave`, { method: "POST" }),
  members: (signal?: AbortSignal) => request<{ items: Member[] }>("/members", { signal }),
  setRole: (userId: string, role: Role) => request<Member>(`/members/${at(userId)}`, { method: "PATCH", body: { role } }),
  removeMember: (userId: string) => request<undefined>(`/members/${at(userId)}`, { method: "DELETE" }),
  invitations: (signal?: AbortSignal) => request<{ items: Invitation[] }>("/invitations", { signal }),
  /** `token` and `path` are shown once; the link is `path` below this server's address. `mailed`: it goes by e-mail too. */
  invite: (role: Role, email: string | null) =>
    request<{ invitation: Invitation; mailed: boolean; token: string; path: string }>("/invitations", {
      method: "POST",
      body: email === null ? { role } : { role, email },
    }),
  revokeInvitation: (id: string) => request<undefined>(`/invitations/${at(id)}`, { method: "DELETE" }),
  lookAtInvitation: (token: string) => request<Invitation>("/invitations/look", { method: "POST", body: { token } }),
  acceptInvitation: (token: string) => request<Workspace>("/invitations/accept", { method: "POST", body: { token } }),
  declineInvitation: (token: string) => request<undefined>("/invitations/decline", { method: "POST", body: { token } }),

  skills: (signal?: AbortSignal) => request<{ items: Skill[] }>("/skills", { signal }),
  connection: (name: string, signal?: AbortSignal) => request<SkillConnection>(`/skills/${at(name)}/connection`, { signal }),
  /** Where the person is to go; they come back to /connect. */
  connect: (name: string) => request<{ authorization_url: string }>(`/skills/${at(name)}/connection`, { method: "POST" }),
  finishConnection: (answer: { state: string; code: string; iss?: string }) =>
    request<SkillConnection>("/skills/connection", { method: "PUT", body: answer }),
  disconnect: (name: string) => request<undefined>(`/skills/${at(name)}/connection`, { method: "DELETE" }),
  tools: (signal?: AbortSignal) => request<{ items: Tool[] }>("/tools", { signal }),
  apiKeys: (signal?: AbortSignal) => request<{ items: ApiKey[] }>("/api-keys", { signal }),
  createApiKey: (name: string) =>
    request<{ api_key: ApiKey; secret: string }>("/api-keys", { method: "POST", body: { name } }),
  revokeApiKey: (id: string) => request<undefined>(`/api-keys/${at(id)}`, { method: "DELETE" }),
};

export type Rest = typeof rest;
