import assert from "node:assert/strict";
import { inspect } from "node:util";
import { type Clock, systemClock } from "./base/clock.ts";
import { newId } from "./base/ids.ts";
import type { JsonValue } from "./base/json.ts";
import type { Logger } from "./base/logger.ts";
import { sendThrough } from "./block/send.ts";
import type { ChannelDefinition, RequestPlan } from "./channel/channel.ts";
import type { InboxMessage, InboxStore } from "./channel/inbox-store.ts";
import type { Message } from "./channel/message.ts";
import { openTransport } from "./channel/open-transport.ts";
import type { Outcome, Reason } from "./channel/outcome.ts";
import { maskPlan, scrubberFor, secretsIn } from "./channel/scrub.ts";
import type { SendRequest, SendResult, Transport } from "./channel/transport.ts";
import { type Inbox, startInbox } from "./inbox/inbox.ts";
import type { ReceivedRequest } from "./inbox/received.ts";

export type { InboxMessage, InboxStore, Message, Outcome, SendResult, Transport };
export { type Inbox, startInbox };

/** One check of the suite: give `name` and `run` to any test framework, or run them in a loop. */
export interface ChannelCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** An answer of the provider and what the channel must make of it. */
export interface ExpectedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly outcome: "delivered" | Reason;
  /** Delay that the outcome must carry. */
  readonly retryAfterMs?: number;
}

export interface ChannelCasesOptions<Input> {
  /** What the block is constructed with. */
  readonly config: Input;
  /** Rest of the message: empty, severity `info`. */
  readonly message: Partial<Message> & Pick<Message, "body">;
  /** The request that this message must become. What is left out is not compared. */
  readonly sends: {
    readonly method?: string;
    /** Path and query. */
    readonly path?: string;
    /** Lower-case names; other headers may be there too. */
    readonly headers?: Readonly<Record<string, string>>;
    readonly json?: JsonValue;
    /** Body as it is sent. */
    readonly body?: string;
  };
  readonly answers: readonly ExpectedAnswer[];
}

/** A class made with `NotificationBlock.define`. */
export interface ChannelClass<Input> {
  new (input: Input): object;
  readonly channel: Pick<ChannelDefinition<never>, "limits">;
}

/**
 * The suite that every channel over HTTP must pass: the requests and answers you list, and the rules that hold for all of
 * them. Requests go to a server on this machine, whatever host the channel names. Needs no test framework.
 *
 * @example
 * const cases = channelCases(DiscordWebhook, {
 *   config: { webhook_id: "1", webhook_token: "s3cr3t" },
 *   message: { body: "Nightly failed" },
 *   sends: { method: "POST", json: { content: "Nightly failed", allowed_mentions: { parse: [] } } },
 *   answers: [{ status: 429, headers: { "retry-after": "3" }, outcome: "rate-limited", retryAfterMs: 3_000 }],
 * });
 * describe("discord-webhook", () => { for (const { name, run } of cases) it(name, run); });
 */
export function channelCases<Input>(Type: ChannelClass<Input>, options: ChannelCasesOptions<Input>): ChannelCase[] {
  const message = fullMessage(options.message);
  const test = (name: string, body: (bench: Bench) => Promise<void>): ChannelCase => ({
    name,
    run: async () => {
      await using bench = await openBench(new Type(options.config));
      await body(bench);
    },
  });
  return [
    test("sends the expected request", async ({ send, inbox }) => {
      await send(message);
      compareRequest(onlyRequest(inbox), options.sends);
    }),
    ...options.answers.map((expected) =>
      test(`takes ${describeAnswer(expected)} for ${expected.outcome}`, async ({ send, inbox }) => {
        const { status, headers = {}, body = "" } = expected;
        // A refused form is sent again once, in another form: that one gets the same answer.
        inbox.answerNext({ status, headers, body }, { status, headers, body });
        const { outcome } = await send(message);
        assert.equal(outcome.kind === "delivered" ? "delivered" : outcome.reason, expected.outcome);
        if (expected.retryAfterMs !== undefined)
          assert.equal(outcome.kind === "retry" ? outcome.afterMs : undefined, expected.retryAfterMs);
      }),
    ),
    test("tries again after a 5xx", async ({ send, inbox }) => {
      inbox.answerNext({ status: 503, body: "down" });
      const { outcome } = await send(message);
      assert.deepEqual([outcome.kind, outcome.kind === "retry" && outcome.reason], ["retry", "server"]);
    }),
    test("takes a connection cut after the request for an open question", async ({ send, inbox }) => {
      inbox.answerNext("reset");
      const { outcome } = await send(message);
      assert.deepEqual(
        [outcome.kind, outcome.kind === "retry" && outcome.reason, outcome.kind === "retry" && outcome.ambiguous],
        ["retry", "network", true],
      );
    }),
    test("gives up on a server that does not answer in time", async ({ send, inbox, expire }) => {
      inbox.answerNext("hang");
      const sending = send(message);
      await inbox.received(1);
      expire();
      const { outcome } = await sending;
      assert.deepEqual([outcome.kind, outcome.kind === "retry" && outcome.reason], ["retry", "timeout"]);
    }),
    test("follows no redirect", async ({ send, inbox }) => {
      inbox.answerNext({ status: 302, headers: { location: `${inbox.httpUrl}/elsewhere` } });
      const { outcome } = await send(message);
      assert.deepEqual([outcome.kind, outcome.kind === "permanent" && outcome.reason], ["permanent", "redirect"]);
      onlyRequest(inbox);
    }),
    test("cuts a text over the limit before sending it", async ({ send, inbox }) => {
      const { max } = Type.channel.limits.body;
      await send({ ...message, body: "x".repeat(max * 2) });
      const runs = [...onlyRequest(inbox).raw.matchAll(/x+/g)].map(([run]) => run.length);
      assert.ok(Math.max(0, ...runs) <= max, `sent more than ${max} in one text`);
    }),
    test("shows no secret in outcome, log or inspection", async ({ send, inbox, block, logged }) => {
      const shown: unknown[] = [block, JSON.stringify(block)];
      inbox.answerNext("echo", "reset");
      shown.push(await send(message), await send(message));
      inbox.answerNext("hang");
      const stopped = new AbortController();
      const sending = send(message, stopped.signal);
      await inbox.received(3);
      stopped.abort();
      shown.push(await sending, logged);
      const text = shown
        .map((item) => (typeof item === "string" ? item : inspect(item, { depth: 12, showHidden: true })))
        .join("\n");
      for (const secret of secretsIn(block)) {
        // Very short values occur in ordinary text.
        const leaks = secret.length >= 5 && formsOf(secret).some((form) => text.includes(form));
        assert.ok(!leaks, "a secret of the block is shown");
      }
    }),
  ];
}

const formsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
  Buffer.from(secret).toString("base64").replace(/=+$/, ""),
];

interface Bench extends AsyncDisposable {
  readonly block: object;
  readonly inbox: Inbox;
  readonly logged: readonly unknown[];
  /** Lets every deadline that is running pass. */
  readonly expire: () => void;
  readonly send: (message: Message, signal?: AbortSignal) => Promise<SendResult>;
}

/** `expire()` moves the clock by this much. No channel may take as long for one request. */
const LONGER_THAN_ANY_DEADLINE_MS = 3_600_000;

async function openBench(block: object): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const inbox = opening.use(await startInbox({ smtpPort: null }));
  const logged: unknown[] = [];
  const timers = new Set<() => void>();
  let passedMs = 0;
  const clock: Clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + passedMs,
    timer: (_ms, fn) => {
      const fire = (): void => {
        timers.delete(fire);
        fn();
      };
      timers.add(fire);
      return { [Symbol.dispose]: () => void timers.delete(fire) };
    },
  };
  const log = collectingLogger(logged);
  const transport = opening.use(openTransport({ clock, log, inbox: memoryInbox(), version: "0" }));
  const local: Transport = {
    send: (request) => transport.send({ ...request, channel: redirected(request.channel, inbox.httpUrl) }),
    plan: (request) => transport.plan(request),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const owned = opening.move();
  return {
    block,
    inbox,
    logged,
    expire: () => {
      passedMs += LONGER_THAN_ANY_DEADLINE_MS;
      // A timer that is set while these fire belongs to the time after.
      const running = new Set(timers);
      for (const fire of running) fire();
    },
    send: (message, signal) =>
      sendThrough(block, message, { transport: local, ...(signal === undefined ? {} : { signal }) }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The same channel, but every request goes to this origin; path and query stay. */
const redirected = <Config>(channel: ChannelDefinition<Config>, origin: string): ChannelDefinition<Config> => ({
  ...channel,
  build: (input) => {
    const plan = channel.build(input);
    if (plan.executor !== "http" && plan.executor !== "slack-webhook")
      throw new Error(`channelCases tests channels over HTTP, not ${plan.executor}`);
    const { pathname, search } = new URL(plan.url);
    return { ...plan, url: `${origin}${pathname}${search}`, allowPrivateUrls: true };
  },
});

function onlyRequest(inbox: Inbox): ReceivedRequest {
  assert.equal(inbox.messages.length, 1, `${inbox.messages.length} requests arrived, not 1`);
  const [request] = inbox.messages;
  assert.ok(request !== undefined && request.channel !== "mail");
  return request;
}

function compareRequest(request: ReceivedRequest, expected: ChannelCasesOptions<never>["sends"]): void {
  if (expected.method !== undefined) assert.equal(request.method, expected.method);
  if (expected.path !== undefined) assert.equal(request.path, expected.path);
  for (const [name, value] of Object.entries(expected.headers ?? {}))
    assert.equal(request.headers[name], value, `header ${name}`);
  if (expected.json !== undefined) assert.deepEqual(request.json, expected.json);
  if (expected.body !== undefined) assert.equal(request.raw, expected.body);
}

const describeAnswer = ({ status, body = "" }: ExpectedAnswer): string =>
  body === "" ? `HTTP ${status}` : `HTTP ${status} ${body.slice(0, 40)}`;

/** A complete message from the parts that matter to a test. */
export const fullMessage = (parts: Partial<Message> & Pick<Message, "body">): Message => ({
  deliveryId: newId(),
  conversationKey: null,
  severity: "info",
  title: "",
  fields: [],
  links: [],
  tags: [],
  occurredAt: "2026-01-02T03:04:05.000Z",
  truncated: false,
  ...parts,
});

/** An {@link InboxStore} in memory. */
export function memoryInbox(): InboxStore {
  const messages: InboxMessage[] = [];
  return {
    keep: async (message) => void messages.unshift(message),
    list: async ({ inbox, limit = 50 } = {}) =>
      messages.filter((message) => inbox === undefined || message.inbox === inbox).slice(0, Math.min(limit, 200)),
    clear: async (inbox) => {
      const kept = messages.filter((message) => inbox !== undefined && message.inbox !== inbox);
      return messages.splice(0, messages.length, ...kept).length - kept.length;
    },
  };
}

function collectingLogger(into: unknown[]): Logger {
  const add = (message: string, fields?: unknown): void => void into.push({ message, fields });
  return { debug: add, info: add, warn: add, error: add };
}

/** A message that a {@link Recorder} was given instead of the outside world. */
export interface RecordedSend {
  /** Block reference. */
  readonly label: string;
  readonly message: Message;
  /** The request it would have become; secrets are masked. */
  readonly plan: RequestPlan;
}

export interface Recorder extends Transport {
  /** Everything sent so far, oldest first. */
  readonly sent: readonly RecordedSend[];
  /** The next sends end like this, one each; others are delivered. */
  endNext(...outcomes: readonly Outcome[]): void;
}

/** A transport that sends nothing and remembers everything, for tests of code that notifies. */
export function createRecorder(): Recorder {
  const sent: RecordedSend[] = [];
  const outcomes: Outcome[] = [];
  const plan = <Config>({ channel, config, message }: SendRequest<Config>): RequestPlan => {
    const made = channel.build({ config, message });
    return maskPlan(made, scrubberFor(config, made));
  };
  return {
    sent,
    plan,
    endNext: (...next) => void outcomes.push(...next),
    send: async (request) => {
      sent.push({ label: request.label, message: request.message, plan: plan(request) });
      return {
        outcome: outcomes.shift() ?? { kind: "delivered", providerId: request.message.deliveryId },
        durationMs: 0,
        status: 200,
      };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
