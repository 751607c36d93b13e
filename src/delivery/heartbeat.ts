import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { LogFields, Logger } from "../base/logger.ts";
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
 * itself. It does not hold the process open. A beat that fails is not repeated, because the next one comes anyway; those that
 * fail for the same reason in a row are logged once.
 */
export function startHeartbeat({ url, intervalMs, transport, clock, log }: HeartbeatParts): AsyncDisposable {
  const closing = new AbortController();
  let timer: Disposable | undefined;
  /** Why the last beat was not taken; undefined when it was. */
  let trouble: string | undefined;

  const failed = (reason: string, message: string, fields: LogFields): void => {
    if (reason !== trouble) log.warn(message, fields);
    trouble = reason;
  };
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
      if (closing.signal.aborted) return;
      if (outcome.kind === "delivered") {
        if (trouble !== undefined) log.info("the heartbeat is taken again");
        trouble = undefined;
        return;
      }
      const { reason, detail } = outcome;
      failed(`${reason} ${status}`, "the heartbeat was not taken", { reason, status, detail });
    } catch (error) {
      const text = redact(messageOf(error));
      failed(text, "the heartbeat could not be sent", { error: text });
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
