import type { Clock } from "../base/clock.ts";
import { BellhopError, errorCode, messageOf } from "../base/errors.ts";
import { formatMicros } from "../base/instant.ts";
import { killPoint } from "../base/kill-points.ts";
import { redact } from "../base/redactor.ts";
import { type BlockContext, withBlockContext } from "../block/ambient.ts";
import { Block } from "../block/block.ts";
import { directMessage } from "../block/direct-message.ts";
import { channelOf, handlingOf, openSender, type Sender } from "../block/send.ts";
import type { RetryProfileName } from "../channel/channel.ts";
import type { Message } from "../channel/message.ts";
import type { Outcome, Reason } from "../channel/outcome.ts";
import type { SendResult, Transport } from "../channel/transport.ts";
import type { TemplateCatalog } from "../templating/catalog.ts";
import { plainContext } from "../templating/plain-context.ts";
import { plainMessage } from "../templating/plain-message.ts";
import { renderMessage } from "../templating/render.ts";
import type { RenderedMessage } from "../templating/rendered.ts";
import type { Deliver, OpenDestination } from "./attempt.ts";
import type { Delivery } from "./delivery.ts";
import { maskedAgain } from "./message-context.ts";
import { withNotice } from "./fallback.ts";
import { type Payload, readPayload } from "./payload.ts";

export interface DeliverParts {
  readonly catalog: TemplateCatalog;
  readonly transport: Transport;
  /** Store and keys that blocks are loaded with. */
  readonly context: BlockContext;
  readonly clock: Clock;
}

type Channel = ReturnType<typeof channelOf>;
type RunPayload = Extract<Payload, { kind: "run" }>;

const DETAIL_CHARS = 500;

/** Loads blocks, renders templates and sends: what the dispatcher does with a delivery. */
export function openDeliver(parts: DeliverParts): Deliver {
  return {
    async open(destination) {
      try {
        killPoint("load:before");
        const block = await withBlockContext(parts.context, () => Block.load(destination));
        killPoint("load:after");
        const channel = channelOf(block);
        const { catalog, transport, clock } = parts;
        const send = openSender(block);
        const attempt: OpenDestination["attempt"] = (delivery, signal) =>
          attemptOnce({ catalog, transport, clock, send, channel, delivery, signal });
        const { profile, rate = null } = channel;
        return { profile, rate, attempt, ...handlingOf(block), revision: block.revision };
      } catch (error) {
        return unusable(error);
      }
    },
  };
}

/** What cannot be loaded is not lost: each of its deliveries gets an attempt on the record that says why. */
const LOAD_FAILURES: Readonly<
  Partial<Record<string, { readonly kind: "permanent" | "retry"; readonly reason: Reason }>>
> = {
  block_not_found: { kind: "permanent", reason: "not-found" },
  invalid_block_reference: { kind: "permanent", reason: "not-found" },
  // Another process on the store may have the class.
  unknown_block_type: { kind: "retry", reason: "not-found" },
  encryption_key_unavailable: { kind: "retry", reason: "key-unavailable" },
  encryption_key_mismatch: { kind: "retry", reason: "key-unavailable" },
  encryption_key_invalid: { kind: "retry", reason: "key-unavailable" },
  keychain_unavailable: { kind: "retry", reason: "key-unavailable" },
  block_tampered: { kind: "permanent", reason: "invalid-config" },
  block_validation_failed: { kind: "permanent", reason: "invalid-config" },
  block_reference_missing: { kind: "permanent", reason: "invalid-config" },
  block_reference_cycle: { kind: "permanent", reason: "invalid-config" },
  block_reference_depth: { kind: "permanent", reason: "invalid-config" },
  invalid_block_registration: { kind: "permanent", reason: "invalid-config" },
};

/** The longest profile: what stands in the way here is put right by a person. */
const UNUSABLE_PROFILE: RetryProfileName = "webhook";

function unusable(error: unknown): OpenDestination {
  const code = errorCode(error);
  // The store itself fails: nothing is claimed then, so that no attempt is spent.
  if (code?.startsWith("store_") === true) throw error;
  const { kind, reason } = LOAD_FAILURES[code ?? ""] ?? { kind: "retry", reason: "invalid-config" };
  const text = BellhopError.is(error) ? `${error.message} ${error.hint}` : messageOf(error);
  const detail = redact(text).slice(0, DETAIL_CHARS);
  const outcome: Outcome = kind === "permanent" ? { kind, reason, detail } : { kind, reason, detail, ambiguous: false };
  const attempt = async (): Promise<SendResult> => unsent(outcome);
  return { profile: UNUSABLE_PROFILE, rate: null, attempt };
}

interface Job extends Omit<DeliverParts, "context"> {
  readonly send: Sender;
  readonly channel: Channel;
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
}

async function attemptOnce(job: Job): Promise<SendResult> {
  const { delivery, transport, send, signal } = job;
  if (signal.aborted)
    return unsent({ kind: "retry", reason: "cancelled", detail: "the process is ending", ambiguous: false });
  if (delivery.unreadable !== undefined)
    return unsent({ kind: "retry", reason: "key-unavailable", detail: delivery.unreadable, ambiguous: false });
  const payload = readPayload(delivery.payload);
  if (payload === null)
    return unsent({ kind: "permanent", reason: "invalid-payload", detail: "the stored message cannot be read" });
  const { message, remarks } =
    payload.kind === "run" ? await runMessage(payload, job) : { message: textMessage(payload, job), remarks: [] };
  const { only, notice, degrade } = payload;
  const noticed = notice === undefined ? message : withNotice(message, notice, job.channel.dialect);
  const addressed = only === undefined ? noticed : { ...noticed, only };
  const result = await send(addressed, { transport, signal, degrade });
  if (result.outcome.kind !== "delivered" || remarks.length === 0) return result;
  return { ...result, outcome: { ...result.outcome, warnings: [...remarks, ...(result.outcome.warnings ?? [])] } };
}

const unsent = (outcome: Outcome): SendResult => ({ outcome, durationMs: 0, status: null });

/** A direct send that is replayed, with the text as it was, or plain text for whatever channel. */
function textMessage(payload: Exclude<Payload, RunPayload>, { delivery, channel, clock }: Job): Message {
  const { id: deliveryId, destination: ref, severity, subject } = delivery;
  const nowMs = clock.now();
  if (payload.kind === "text") {
    const given = { title: payload.title, body: payload.body, severity };
    return { ...directMessage({ given, channel, ref, nowMs }), deliveryId };
  }
  const { dialect, limits } = channel;
  const { html, ...plain } = plainMessage({
    title: redact(payload.title),
    body: redact(payload.body),
    dialect,
    limits,
  });
  return {
    deliveryId,
    conversationKey: subject,
    severity,
    title: plain.title,
    body: plain.body,
    ...(html === undefined ? {} : { html }),
    fields: [],
    links: [],
    tags: [],
    occurredAt: new Date(delivery.createdAtMs).toISOString(),
    truncated: plain.truncated,
  };
}

async function runMessage(payload: RunPayload, job: Job): Promise<{ message: Message; remarks: readonly string[] }> {
  const { delivery } = job;
  killPoint("render:before");
  const rendered = await render(payload, job);
  killPoint("render:after");
  const { context } = payload;
  const tags = context.task_run?.tags ?? context.flow_run?.tags ?? [];
  const message: Message = {
    deliveryId: delivery.id,
    // Messages about a flow run and about its tasks belong together.
    conversationKey: delivery.flowRunId === null ? delivery.subject : `flow-run/${delivery.flowRunId}`,
    severity: delivery.severity,
    title: rendered.title,
    body: rendered.body,
    ...(rendered.html === undefined ? {} : { html: rendered.html }),
    ...(rendered.native === undefined ? {} : { native: rendered.native }),
    fields: [],
    links: linksFor(context.links.run, rendered.body, job.channel.dialect),
    tags: tags.map((tag) => redact(tag)),
    occurredAt: context.state.timestamp,
    truncated: rendered.truncated,
  };
  const problem =
    rendered.templateError === null ? [] : [`template: ${rendered.templateError} (used ${rendered.template})`];
  return { message, remarks: [...problem, ...rendered.warnings] };
}

/** Channels of plain formats put links below the text, where a template usually has printed it already. */
function linksFor(url: unknown, body: string, dialect: Channel["dialect"]): Message["links"] {
  const prints = dialect === "text" || dialect === "html" || dialect === "markdown";
  return typeof url !== "string" || (prints && body.includes(url))
    ? []
    : [{ label: "Open the run", url, primary: true }];
}

async function render(payload: RunPayload, { catalog, channel, clock }: Job): Promise<RenderedMessage> {
  const { dialect, limits, variants } = channel;
  try {
    // The state is as it was; only the time is now, so that a late message can say so.
    const context = plainContext({ ...maskedAgain(payload.context), now: formatMicros(clock.nowMicros()) });
    return await renderMessage({ catalog, name: payload.template, variants, dialect, limits, context });
  } catch (error) {
    // Rendering falls back by itself; this is for a bug in it, or a context stored by another version.
    const { title, summary } = payload.context;
    const text = typeof title === "string" ? redact(title) : "A run changed its state";
    const plain = plainMessage({
      title: text,
      body: typeof summary === "string" && summary !== "" ? redact(summary) : text,
      dialect,
      limits,
    });
    return { ...plain, template: "emergency", templateError: redact(messageOf(error)) };
  }
}
