import { createHash } from "node:crypto";
import { callbackify } from "node:util";
import type { createTransport } from "nodemailer";
import type MimeNode from "nodemailer/lib/mime-node";
import type SMTPPool from "nodemailer/lib/smtp-pool";
import type { Clock } from "../base/clock.ts";
import { BellhopError } from "../base/errors.ts";
import type { Resolver } from "./address-guard.ts";
import type { SmtpPlan } from "./channel.ts";
import type { Outcome } from "./outcome.ts";
import { attemptTimeoutMs, type Executed, type Executor } from "./executor.ts";
import { classifyRefusedRest, classifySent, classifySmtpError, replyCodeOf } from "./smtp-outcome.ts";
import { openGuardedSocket } from "./smtp-socket.ts";

/** The library's own defaults are minutes; a notification that takes so long is retried instead. */
const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 30_000;
/** Whole attempt. */
const SEND_TIMEOUT_MS = 60_000;

const POOL = {
  pool: true,
  maxConnections: 3,
  maxMessages: 10_000,
  rateDelta: 1_000,
  rateLimit: 5,
  // Retries are the outbox's business: a second layer would multiply attempts.
  maxRequeues: 0,
  connectionTimeout: CONNECT_TIMEOUT_MS,
  greetingTimeout: CONNECT_TIMEOUT_MS,
  dnsTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: IDLE_TIMEOUT_MS,
  maxRecipients: 100,
  // Otherwise a template could attach a local file or fetch an internal address.
  disableFileAccess: true,
  disableUrlAccess: true,
} as const;

/** How the library is told which encryption to use. */
const SECURITY: Readonly<Record<SmtpPlan["server"]["security"], object>> = {
  starttls: { secure: false, requireTLS: true },
  tls: { secure: true },
  opportunistic: { secure: false, opportunisticTLS: true },
  none: { secure: false, ignoreTLS: true },
};

export interface SmtpExecutorOptions {
  readonly clock: Clock;
  readonly resolve: Resolver;
}

/** Sends mail over one pool of connections per server configuration. */
export async function openSmtpExecutor(options: SmtpExecutorOptions): Promise<Executor<"smtp">> {
  const nodemailer = await import("nodemailer");
  const pools = new Map<string, Pool>();
  const shutdown = new AbortController();

  const poolFor = (server: SmtpPlan["server"]): Pool => {
    // The key contains the password, so only its digest is kept.
    const key = createHash("sha256").update(JSON.stringify(server)).digest("base64");
    let pool = pools.get(key);
    if (pool === undefined) {
      pool = openPool(nodemailer.createTransport, server, options);
      pools.set(key, pool);
    }
    return pool;
  };

  return {
    async execute(plan, { signal }) {
      const deadline = new AbortController();
      const timeoutMs = attemptTimeoutMs(plan.timeoutMs, SEND_TIMEOUT_MS);
      using _timer = options.clock.timer(timeoutMs, () => deadline.abort());
      const stop = AbortSignal.any([deadline.signal, shutdown.signal, ...(signal === undefined ? [] : [signal])]);
      const sent = await poolFor(plan.server).send(plan.mail, stop);
      if (!deadline.signal.aborted || sent.kind !== "outcome" || sent.outcome.kind !== "retry") return sent;
      const detail = `The mail was not handed over within ${timeoutMs / 1_000} s`;
      return { ...sent, outcome: { ...sent.outcome, reason: "timeout", detail } };
    },
    async [Symbol.asyncDispose]() {
      shutdown.abort();
      for (const pool of pools.values()) pool.close();
      pools.clear();
    },
  };
}

interface Pool {
  send(mail: SmtpPlan["mail"], signal: AbortSignal): Promise<Executed>;
  close(): void;
}

type CreateTransport = typeof createTransport;

function openPool(create: CreateTransport, server: SmtpPlan["server"], { clock, resolve }: SmtpExecutorOptions): Pool {
  const { host, port, auth, verify = true, allowPrivateUrls = true, security } = server;
  const target = { host, port, allowPrivate: allowPrivateUrls, timeoutMs: CONNECT_TIMEOUT_MS };
  const connect = callbackify(() => openGuardedSocket(target, { clock, resolve }));
  const options: SMTPPool.Options & { readonly pool: true } = {
    ...POOL,
    ...SECURITY[security],
    host,
    port,
    ...(auth === undefined ? {} : { auth: { user: auth.user, pass: auth.pass } }),
    tls: { rejectUnauthorized: verify },
    getSocket: (_options, callback) => {
      connect((error, connection) => (error === null ? callback(null, { connection }) : callback(error)));
    },
  };
  const transporter = create(options);
  // A pooled connection may fail while nothing is being sent; the next send then opens another.
  transporter.on("error", () => undefined);
  // Which messages the server has begun to receive, by the signal that is unique to each send.
  const streams = new WeakMap<AbortSignal, { readonly readableDidRead: boolean }>();
  // Likewise the recipients that a message is for, when it is not for all.
  const rests = new WeakMap<AbortSignal, readonly string[]>();
  transporter.use("stream", (mail, done) => {
    const only = mail.data.signal === undefined ? undefined : rests.get(mail.data.signal);
    if (only !== undefined && !keepOnly(mail.message, only)) {
      done(new BellhopError("invalid_address", { problem: "the block no longer names the recipients that are left" }));
      return;
    }
    const createStream = mail.message.createReadStream.bind(mail.message);
    mail.message.createReadStream = (readOptions) => {
      const stream = createStream(readOptions);
      if (mail.data.signal !== undefined) streams.set(mail.data.signal, stream);
      return stream;
    };
    done();
  });

  return {
    async send(mail, signal) {
      if (mail.only !== undefined) rests.set(signal, mail.only);
      try {
        const info = await transporter.sendMail(toMessage(mail, signal));
        return { kind: "outcome", outcome: classifySent(info), status: Number.parseInt(info.response, 10) || null };
      } catch (error) {
        const written = streams.get(signal)?.readableDidRead === true;
        const refused = mail.only === undefined ? undefined : classifyRefusedRest(error);
        const outcome = refused ?? namingServer(classifySmtpError(error, written), server);
        return { kind: "outcome", outcome, status: replyCodeOf(error) };
      }
    },
    close: () => transporter.close(),
  };
}

/** Reasons that lie between here and the server, where its words cannot tell which one was meant. */
const ON_THE_WAY: ReadonlySet<string> = new Set(["dns", "network", "timeout", "tls"]);

/** Host and port of a mail server are no secret, and a wrong one is the likeliest mistake. */
const namingServer = (outcome: Outcome, { host, port }: SmtpPlan["server"]): Outcome =>
  outcome.kind !== "delivered" && ON_THE_WAY.has(outcome.reason)
    ? { ...outcome, detail: `${host}:${port}: ${outcome.detail}` }
    : outcome;

/**
 * Narrows the envelope, where the library has already brought the addresses into the form in which it reports refusals.
 * The message stays as the others got it. False when nobody is left.
 */
function keepOnly(message: Pick<MimeNode, "getEnvelope" | "setEnvelope">, only: readonly string[]): boolean {
  const { from, to } = message.getEnvelope();
  const left = to.filter((recipient) => only.includes(recipient));
  message.setEnvelope({ from, to: left });
  return left.length > 0;
}

function toMessage(mail: SmtpPlan["mail"], signal: AbortSignal) {
  if (mail.to.length + (mail.cc?.length ?? 0) + (mail.bcc?.length ?? 0) === 0) {
    throw new BellhopError("invalid_address", { problem: "the mail has no recipient" });
  }
  const thread = mail.conversationKey === undefined ? {} : threadHeaders(mail.conversationKey, mail.messageId);
  return {
    from: mail.from,
    to: [...mail.to],
    ...(mail.cc === undefined ? {} : { cc: [...mail.cc] }),
    ...(mail.bcc === undefined ? {} : { bcc: [...mail.bcc] }),
    ...(mail.replyTo === undefined ? {} : { replyTo: [...mail.replyTo] }),
    subject: mail.subject,
    text: mail.text,
    ...(mail.html === undefined ? {} : { html: mail.html }),
    messageId: mail.messageId,
    ...thread,
    headers: { ...mail.headers },
    signal,
  };
}

/** Every mail of a conversation refers to the same made-up first one, so all thread together even if the first was lost. */
function threadHeaders(conversationKey: string, messageId: string) {
  const domain = /@([^>]+)>$/.exec(messageId)?.[1] ?? "localhost";
  const root = `<conv-${createHash("sha256").update(conversationKey).digest("hex").slice(0, 32)}@${domain}>`;
  return { inReplyTo: root, references: [root] };
}
