import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { Resolver } from "./address-guard.ts";
import type { BuildInput, RequestPlan } from "./channel.ts";
import { classifyError, classifyStatus } from "./classify.ts";
import type { Executed, Executor, SendContext } from "./executor.ts";
import { fitMessage } from "./fit-message.ts";
import type { HttpClient } from "./http-client.ts";
import type { InboxStore } from "./inbox-store.ts";
import type { Outcome } from "./outcome.ts";
import { cleanOutcome, maskPlan, scrubberFor } from "./scrub.ts";
import { withServerDelay } from "./server-delay.ts";
import type { SendRequest, SendResult, Transport } from "./transport.ts";

export interface TransportOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the development channel keeps its messages. */
  readonly inbox: InboxStore;
  /** Of the product, for the `User-Agent`. */
  readonly version: string;
  /** Environment that may name HTTP proxies. Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Finds addresses of host names. Default: the machine's name service. */
  readonly resolve?: Resolver;
}

type Degrade = "plain" | "shrink";

interface Attempted {
  readonly outcome: Outcome;
  readonly status: number | null;
  readonly degraded?: Degrade;
}

/**
 * Opens the way out of the process. Nothing is loaded before the first send of a kind, so opening costs nothing.
 * Disposing stops what is in flight (outcome `retry`, reason `cancelled`) and closes every connection.
 */
export function openTransport(options: TransportOptions): Transport {
  const { clock, log } = options;
  const executors = openExecutors(options);

  const attempt = async <Config>(request: SendRequest<Config>, degrade?: Degrade): Promise<Attempted> => {
    let plan: RequestPlan | undefined;
    try {
      plan = buildPlan(request, degrade);
    } catch (error) {
      return { outcome: { kind: "permanent", reason: "invalid-config", detail: messageOf(error) }, status: null };
    }
    try {
      const { label, message, signal } = request;
      const executed = await executors.execute(plan, { label, deliveryId: message.deliveryId, signal });
      return judge(executed, request, plan, clock.now());
    } catch (error) {
      return { outcome: classifyError(error, true), status: null };
    }
  };

  return {
    async send(request) {
      const startedAtMs = clock.monotonic();
      const last = await degrading(request, attempt);
      const outcome = cleanOutcome(last.outcome, () => scrubberFor(request.config, planForScrub(request)));
      const result: SendResult = {
        outcome,
        status: last.status,
        durationMs: Math.round(clock.monotonic() - startedAtMs),
        ...(last.degraded === undefined ? {} : { degraded: last.degraded }),
      };
      if (outcome.kind !== "delivered") {
        log.debug("send failed", {
          block: request.label,
          reason: outcome.reason,
          status: last.status,
          detail: outcome.detail,
        });
      }
      return result;
    },
    plan: (request) => {
      const plan = buildPlan(request);
      return maskPlan(plan, scrubberFor(request.config, plan));
    },
    [Symbol.asyncDispose]: () => executors[Symbol.asyncDispose](),
  };
}

function buildPlan<Config>({ channel, config, message }: SendRequest<Config>, degrade?: Degrade): RequestPlan {
  const input: BuildInput<Config> = { config, message: fitMessage(message, channel.limits, degrade) };
  return channel.build(degrade === undefined ? input : { ...input, degrade });
}

/** The plan again, for the address in it; build is pure. A build that throws has no address. */
function planForScrub<Config>(request: SendRequest<Config>): RequestPlan | undefined {
  try {
    return buildPlan(request);
  } catch {
    // Already reported as the outcome.
    return undefined;
  }
}

/** The channel's own judgement, else the table's; then the delay that the server asked for. */
function judge<Config>(
  executed: Executed,
  { channel }: SendRequest<Config>,
  plan: RequestPlan,
  nowMs: number,
): Attempted {
  if (executed.kind === "outcome") return executed;
  const { response } = executed;
  const outcome = channel.classify?.(response, plan) ?? classifyStatus(response);
  return { outcome: withServerDelay(outcome, response, nowMs), status: response.status };
}

/** Sends, and once more plainer or shorter where the answer asks for it; a message that is so already is not sent twice. */
async function degrading<Config>(
  request: SendRequest<Config>,
  attempt: (request: SendRequest<Config>, degrade?: Degrade) => Promise<Attempted>,
): Promise<Attempted> {
  const { degrade: earlier } = request;
  const first = await attempt(request, earlier);
  if (earlier !== undefined) return degraded(first, earlier, "as an earlier attempt had to be");
  const asked = first.outcome.kind === "permanent" ? first.outcome.degrade : undefined;
  if (asked === undefined || first.outcome.kind === "delivered") return first;
  return degraded(await attempt(request, asked), asked, first.outcome.detail);
}

/** The result of a message that was sent plainer or shorter, with a note that it was. It is never degraded again. */
function degraded(sent: Attempted, how: Degrade, why: string): Attempted {
  const { outcome } = sent;
  if (outcome.kind === "delivered") {
    const warnings = [`degraded to ${how}: ${why}`, ...(outcome.warnings ?? [])];
    return { ...sent, degraded: how, outcome: { ...outcome, warnings } };
  }
  const detail = `${outcome.detail} (sent ${how}: ${why})`;
  if (outcome.kind === "retry") return { ...sent, degraded: how, outcome: { ...outcome, detail } };
  const { degrade: _asked, ...rest } = outcome;
  return { ...sent, degraded: how, outcome: { ...rest, detail } };
}

interface Executors extends AsyncDisposable {
  execute(plan: RequestPlan, context: SendContext): Promise<Executed>;
}

/** Each executor, and with it the library below, is loaded by the first plan that needs it. */
function openExecutors({ clock, inbox, version, env, resolve }: TransportOptions): Executors {
  const opened: AsyncDisposable[] = [];
  let closed = false;
  const once = <T extends AsyncDisposable>(open: () => Promise<T>): (() => Promise<T>) => {
    let value: Promise<T> | undefined;
    const start = async (): Promise<T> => {
      try {
        const ready = await open();
        opened.push(ready);
        if (closed) await ready[Symbol.asyncDispose]();
        return ready;
      } catch (error) {
        // What could not be loaded may be there the next time.
        value = undefined;
        throw error;
      }
    };
    return () => {
      value ??= start();
      return value;
    };
  };
  const client = once<HttpClient>(async () => {
    const { openHttpClient } = await import("./http-client.ts");
    return openHttpClient({
      clock,
      version,
      ...(env === undefined ? {} : { env }),
      ...(resolve === undefined ? {} : { resolve }),
    });
  });
  const http = once<Executor<"http">>(async () =>
    (await import("./http-executor.ts")).openHttpExecutor(await client()),
  );
  const slack = once<Executor<"slack-webhook">>(async () =>
    (await import("./slack-executor.ts")).openSlackExecutor(await client()),
  );
  const smtp = once<Executor<"smtp">>(async () => {
    const [{ openSmtpExecutor }, { systemResolver }] = await Promise.all([
      import("./smtp-executor.ts"),
      import("./address-guard.ts"),
    ]);
    return openSmtpExecutor({ clock, resolve: resolve ?? systemResolver });
  });
  const local = once<Executor<"inbox">>(async () =>
    (await import("./inbox-executor.ts")).openInboxExecutor(inbox, clock),
  );

  return {
    async execute(plan, context) {
      if (closed) return { kind: "outcome", outcome: CLOSED, status: null };
      if (plan.executor === "http") return (await http()).execute(plan, context);
      if (plan.executor === "slack-webhook") return (await slack()).execute(plan, context);
      if (plan.executor === "smtp") return (await smtp()).execute(plan, context);
      return (await local()).execute(plan, context);
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

const CLOSED: Outcome = {
  kind: "retry",
  reason: "cancelled",
  detail: "Stopped because the process is shutting down",
  ambiguous: false,
};
