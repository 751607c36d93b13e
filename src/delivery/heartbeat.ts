import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Logger } from "../base/logger.ts";
import { redact } from "../base/redactor.ts";
import { type ChannelDefinition, chars } from "../channel/channel.ts";
import type { Transport } from "../channel/transport.ts";

export interface HeartbeatParts {
  /** Address of a service that raises an alarm when it hears nothing, e.g. `https://hc-ping.com/<uuid>`. */
  readonly url: string;
  readonly intervalMs: number;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A process that is done waits for a beat that is out, so keep it short. */
const TIMEOUT_MS = 10_000;

const CHANNEL: ChannelDefinition<{ readonly url: string }> = {
  dialect: "text",
  limits: { body: chars(0) },
  profile: "webhook",
  build: ({ config: { url } }) => ({
    executor: "http",
    method: "GET",
    url,
    timeoutMs: TIMEOUT_MS,
    body: { type: "none" },
  }),
};

/**
 * Tells another service, at once and then from time to time, that this process lives: a hub that is gone cannot say so
 * itself. It does not hold the process open. A beat that fails is logged and not repeated; the next one comes anyway.
 */
export function startHeartbeat({ url, intervalMs, transport, clock, log }: HeartbeatParts): AsyncDisposable {
  const closing = new AbortController();
  let timer: Disposable | undefined;

  const beat = async (): Promise<void> => {
    const message = {
      deliveryId: newId(),
      conversationKey: null,
      severity: "info",
      title: "",
      body: "",
      fields: [],
      links: [],
      tags: [],
      occurredAt: new Date(clock.now()).toISOString(),
      truncated: false,
    } as const;
    try {
      const request = { channel: CHANNEL, config: { url }, message, label: "heartbeat", signal: closing.signal };
      const { outcome, status } = await transport.send(request);
      if (outcome.kind === "delivered" || closing.signal.aborted) return;
      log.warn("the heartbeat was not taken", { reason: outcome.reason, status, detail: outcome.detail });
    } catch (error) {
      log.warn("the heartbeat could not be sent", { error: redact(messageOf(error)) });
    }
  };
  const turn = async (): Promise<void> => {
    await beat();
    if (!closing.signal.aborted) timer = clock.timer(intervalMs, () => void (current = turn()), { keepAlive: false });
  };
  let current = turn();

  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      timer?.[Symbol.dispose]();
      await current;
    },
  };
}
