import { afterEach, describe, expect, it } from "vitest";
import { MASK } from "../../src/base/secret.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import type { Transport } from "../../src/channel/transport.ts";
import { resolveConfig } from "../../src/config/config.ts";
import { startHeartbeat } from "../../src/delivery/heartbeat.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { DELIVERED, memoryLog, NO_ANSWER, SERVER_ERROR } from "./rig.ts";

const URL = "https://beats.example/ping/0123456789abcdef";
let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** A way out that keeps what is asked of it. */
function openBeats(answer: () => Outcome | Promise<Outcome> = () => DELIVERED) {
  const clock = new ManualClock();
  const log = memoryLog();
  const asked: { readonly plan: unknown; readonly signal: AbortSignal | undefined; readonly atMs: number }[] = [];
  const transport: Transport = {
    async send({ channel, config, message, signal }) {
      asked.push({ plan: channel.build({ config, message }), signal, atMs: clock.now() });
      return { outcome: await answer(), durationMs: 1, status: null };
    },
    plan: () => {
      throw new Error("not used");
    },
    async [Symbol.asyncDispose]() {},
  };
  const heartbeat = stack.use(startHeartbeat({ url: URL, intervalMs: 60_000, transport, clock, log }));
  return { clock, log, asked, heartbeat };
}

describe("the heartbeat", () => {
  it("asks for the address at once and then once per interval, through the one way out", async () => {
    const { clock, asked } = openBeats();
    const startMs = clock.now();
    await clock.advance(3 * 60_000);
    await clock.settle(5);

    expect(asked.map(({ atMs }) => atMs - startMs)).toEqual([0, 60_000, 120_000, 180_000]);
    expect(asked[0]?.plan).toEqual({
      executor: "http",
      method: "GET",
      url: URL,
      timeoutMs: 10_000,
      body: { type: "none" },
    });
  });

  it("goes on after a beat that failed, and logs it once for each reason in a row", async () => {
    const answers = [SERVER_ERROR, SERVER_ERROR, NO_ANSWER, DELIVERED, DELIVERED, SERVER_ERROR];
    const { clock, log, asked } = openBeats(() => answers.shift() ?? SERVER_ERROR);
    await clock.advance(7 * 60_000);
    await clock.settle(5);

    expect(asked).toHaveLength(8);
    expect(log.lines.map(({ level, message, fields }) => [level, message, fields["reason"]])).toEqual([
      ["warn", "the heartbeat was not taken", "server"],
      ["warn", "the heartbeat was not taken", "timeout"],
      ["info", "the heartbeat is taken again", undefined],
      ["warn", "the heartbeat was not taken", "server"],
    ]);
  });

  it("survives a way out that throws", async () => {
    const { clock, log, asked } = openBeats(() => {
      throw new Error("a bug");
    });
    await clock.advance(60_000);
    await clock.settle(5);

    expect(asked).toHaveLength(2);
    expect(log.lines).toMatchObject([{ level: "warn", message: "the heartbeat could not be sent" }]);
  });

  it("does not hold the process open, and stops with the hub, breaking off what is out", async () => {
    const never = Promise.withResolvers<Outcome>();
    let beats = 0;
    const { clock, log, asked, heartbeat } = openBeats(() => {
      beats += 1;
      return beats === 1 ? DELIVERED : never.promise;
    });
    await clock.settle(5);
    expect(clock.pending.all).toBe(1);
    expect(clock.pending.keepAlive).toBe(0);
    await clock.advance(60_000);
    await clock.settle(5);

    const closing = heartbeat[Symbol.asyncDispose]();
    expect(asked[1]?.signal?.aborted).toBe(true);
    never.resolve({ kind: "retry", reason: "cancelled", detail: "", ambiguous: true });
    await closing;
    await clock.advance(600_000);

    expect(asked).toHaveLength(2);
    expect(log.lines).toEqual([]);
  });
});

describe("the settings of alerts and heartbeat", () => {
  const configOf = (env: Record<string, string>) => resolveConfig({}, { BELLHOP_HOME: "/tmp/x", ...env }, undefined);

  it("come from the environment", () => {
    const env = {
      BELLHOP_ALERT_DESTINATION: "email-smtp/admins",
      BELLHOP_ALERT_AFTER: "5m",
      BELLHOP_HEARTBEAT_URL: URL,
      BELLHOP_HEARTBEAT_INTERVAL: "30s",
    };

    expect(configOf(env)).toMatchObject({
      alertDestination: "email-smtp/admins",
      alertAfterMs: 300_000,
      heartbeatUrl: URL,
      heartbeatIntervalMs: 30_000,
    });
  });

  it("are off by default", () => {
    expect(configOf({})).toMatchObject({
      alertDestination: null,
      alertAfterMs: 900_000,
      heartbeatUrl: null,
      heartbeatIntervalMs: 60_000,
    });
  });

  it.each([
    ["BELLHOP_ALERT_DESTINATION", "not a reference"],
    ["BELLHOP_HEARTBEAT_URL", "ftp://example.org"],
    ["BELLHOP_HEARTBEAT_URL", "https://user:pass@example.org"],
    ["BELLHOP_HEARTBEAT_INTERVAL", "10ms"],
  ])("refuse what makes no sense (%s=%s)", (name, value) => {
    expect(() => configOf({ [name]: value })).toThrow(/is not valid/);
  });

  it("keep the address out of every text, because who has it can keep the alarm quiet", async () => {
    configOf({ BELLHOP_HEARTBEAT_URL: URL });
    const { redact } = await import("../../src/base/redactor.ts");

    expect(redact(`GET ${URL} failed`)).toContain(MASK);
    expect(redact(`GET ${URL} failed`)).not.toContain("0123456789abcdef");
  });
});
