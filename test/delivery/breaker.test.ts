import { describe, expect, it } from "vitest";
import type { Outcome, Reason } from "../../src/channel/outcome.ts";
import { breakerAfter, CLOSED, openUntilMs } from "../../src/delivery/breaker.ts";
import { DELIVERED, finish, openRig, rateLimited, SERVER_ERROR } from "./rig.ts";

const NOW_MS = 1_767_225_600_000;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

type State = Parameters<typeof breakerAfter>[0];
const closed: State = { ...CLOSED, recentFailuresMs: [] };
const retry = (reason: Reason): Outcome => ({ kind: "retry", reason, detail: reason, ambiguous: false });
const REFUSED: Outcome = { kind: "permanent", reason: "invalid-payload", detail: "400" };

/** Attempts that take no time, at these instants after the beginning. */
const after = (state: State, ...attempts: readonly (readonly [outcome: Outcome, atMs: number])[]): State =>
  attempts.reduce(
    (breaker, [outcome, atMs]) => breakerAfter(breaker, { outcome, startedAtMs: NOW_MS + atMs, nowMs: NOW_MS + atMs }),
    state,
  );
const failures = (count: number, everyMs = SECOND_MS, outcome = SERVER_ERROR) =>
  Array.from({ length: count }, (_, index) => [outcome, index * everyMs] as const);

describe("the breaker", () => {
  it.each(["network", "timeout", "server"] as const)(
    "opens for 30 seconds at the fifth failure (%s) in a row",
    (reason) => {
      expect(after(closed, ...failures(4, SECOND_MS, retry(reason)))).toMatchObject({
        breaker: "closed",
        consecutiveFailures: 4,
      });
      expect(after(closed, ...failures(5, SECOND_MS, retry(reason)))).toMatchObject({
        breaker: "open",
        openForMs: 30_000,
        probeAtMs: NOW_MS + 4 * SECOND_MS + 30_000,
        consecutiveFailures: 5,
      });
    },
  );

  it.each(["dns", "tls", "proxy", "rate-limited", "quota", "key-unavailable", "cancelled"] as const)(
    "stays closed whatever the number of outcomes of the kind %s",
    (reason) => {
      expect(after(closed, ...failures(20, SECOND_MS, retry(reason)))).toEqual(closed);
    },
  );

  it("opens at five failures within two minutes only, wherever the two minutes begin", () => {
    expect(after(closed, ...failures(5, 30 * SECOND_MS))).toMatchObject({ breaker: "open" });
    expect(after(closed, ...failures(50, 30 * SECOND_MS + 1))).toMatchObject({ breaker: "closed" });
    const slowThenQuick = [
      ...failures(3, 50 * SECOND_MS),
      ...[101, 102, 103].map((s) => [SERVER_ERROR, s * SECOND_MS] as const),
    ];
    expect(after(closed, ...slowThenQuick)).toMatchObject({ breaker: "open" });
  });

  it.each([
    ["a delivery", DELIVERED],
    ["a refusal", REFUSED],
  ])("begins to count anew after %s", (_, outcome) => {
    expect(after(closed, ...failures(4), [outcome, 4_500], [SERVER_ERROR, 5_000])).toMatchObject({
      breaker: "closed",
      consecutiveFailures: 1,
    });
  });

  it("does not begin to count anew after a rate limit", () => {
    const limited = [...failures(4), [rateLimited(1_000), 4_500], [SERVER_ERROR, 5_000]] as const;

    expect(after(closed, ...limited)).toMatchObject({ breaker: "open" });
  });

  it("opens for twice as long after each probe that fails, fifteen minutes at most", () => {
    let state = after(closed, ...failures(5));
    const lengths: number[] = [];
    for (let probe = 0; probe < 7; probe += 1) {
      const atMs = state.probeAtMs ?? 0;
      state = breakerAfter(state, { outcome: SERVER_ERROR, startedAtMs: atMs, nowMs: atMs });
      lengths.push(state.openForMs / SECOND_MS);
      expect(state.probeAtMs).toBe(atMs + state.openForMs);
    }

    expect(lengths).toEqual([60, 120, 240, 480, 900, 900, 900]);
  });

  const open = after(closed, ...failures(5));
  const probing = (outcome: Outcome) => {
    const atMs = open.probeAtMs ?? 0;
    return breakerAfter(open, { outcome, startedAtMs: atMs, nowMs: atMs + 10 });
  };

  it.each([
    ["is delivered", DELIVERED],
    ["is refused, for then somebody is there", REFUSED],
    ["is limited, for that is a pause of its own", rateLimited(1_000)],
  ])("closes when the probe %s", (_, outcome) => {
    expect(probing(outcome)).toEqual(closed);
  });

  it.each(["dns", "tls", "proxy"] as const)("stays open when the probe does not get there (%s)", (reason) => {
    expect(probing(retry(reason))).toMatchObject({ breaker: "open", openForMs: 60_000 });
  });

  it("takes no notice of attempts that began before it opened", () => {
    for (const outcome of [DELIVERED, SERVER_ERROR]) {
      const late = { outcome, startedAtMs: NOW_MS, nowMs: NOW_MS + 10 * SECOND_MS };
      expect(breakerAfter(open, late)).toBe(open);
    }
  });

  it("can be probed again at once when the process ended during the probe", () => {
    expect(probing(retry("cancelled"))).toBe(open);
  });

  it("says until when nothing is sent, and does not trust a clock that was set back by more than an opening", () => {
    const atMs = open.probeAtMs ?? 0;
    expect(openUntilMs(open, atMs - 1)).toBe(atMs);
    expect(openUntilMs(open, atMs)).toBeNull();
    expect(openUntilMs(open, atMs - 24 * 60 * MINUTE_MS)).toBeNull();
    expect(openUntilMs({ ...CLOSED }, NOW_MS)).toBeNull();
  });
});

describe("a destination that is down", () => {
  /** Five messages fail at once; then nothing more is sent for half a minute. */
  async function openDown(answer: (destination: string) => Outcome = () => SERVER_ERROR) {
    const rig = await openRig();
    const dispatcher = rig.start({ profile: "page", answer: ({ destination }) => answer(destination) });
    const startMs = rig.clock.now();
    const ids = await rig.enqueue(...Array.from({ length: 5 }, () => ({})));
    await rig.clock.until(() => rig.sent.length === 5);
    await rig.clock.settle(50);
    return { rig, dispatcher, startMs, ids };
  }

  it("is left alone while its breaker is open, and no attempt is spent", async () => {
    const { rig, startMs } = await openDown();
    await using _rig = rig;
    const [later] = await rig.enqueue({});

    await rig.clock.advance(29 * SECOND_MS);

    expect(rig.sent).toHaveLength(5);
    expect(await rig.read(later)).toMatchObject({ status: "queued", attempts: 0 });
    expect(await rig.outbox.readHealth("test/a")).toMatchObject({
      breaker: "open",
      consecutiveFailures: 5,
      probeAtMs: startMs + 30 * SECOND_MS,
      failingSinceMs: startMs,
    });
  });

  it("gets one delivery as a probe, and everything once that one has arrived", async () => {
    let isUp = false;
    const { rig, ids } = await openDown(() => (isUp ? DELIVERED : SERVER_ERROR));
    await using _rig = rig;
    await rig.clock.advance(30 * SECOND_MS);
    await rig.clock.settle(50);
    expect(rig.sent).toHaveLength(6);

    await rig.clock.advance(59 * SECOND_MS);
    expect(rig.sent).toHaveLength(6);
    isUp = true;
    await rig.clock.advanceUntil(() => rig.sent.length === 11);
    await rig.clock.advance(1_000);
    await rig.clock.settle(50);

    const statuses = await Promise.all(ids.map((id) => rig.read(id)));
    expect(statuses.map(({ status }) => status)).toEqual(Array.from(ids, () => "delivered"));
    expect(await rig.outbox.readHealth("test/a")).toMatchObject({ breaker: "closed", failingSinceMs: null });
  });

  it("sends nothing beside the probe while the probe is out", async () => {
    await using rig = await openRig();
    const probe = Promise.withResolvers<Outcome>();
    rig.start({ profile: "page", answer: () => (rig.sent.length <= 5 ? SERVER_ERROR : probe.promise) });
    await rig.enqueue(...Array.from({ length: 5 }, () => ({})));
    await rig.clock.advanceUntil(() => rig.sent.length === 6);
    await rig.enqueue({}, {});
    await rig.clock.advance(10 * SECOND_MS);
    expect(rig.sent).toHaveLength(6);

    probe.resolve(DELIVERED);

    await rig.clock.until(() => rig.sent.length === 12);
  });

  it("is left alone by the next process too", async () => {
    const { rig, dispatcher } = await openDown();
    await using _rig = rig;
    await finish(dispatcher[Symbol.asyncDispose](), rig.clock);

    rig.start({ by: "next", answer: () => DELIVERED });
    await rig.clock.advance(29 * SECOND_MS);
    expect(rig.sent).toHaveLength(5);

    await rig.clock.advanceUntil(() => rig.sent.length === 10);
    expect(rig.sent.slice(5).every(({ by }) => by === "next")).toBe(true);
  });

  it("does not hold up a drain", async () => {
    const { rig, dispatcher } = await openDown();
    await using _rig = rig;
    const beforeMs = rig.clock.now();

    const report = await finish(dispatcher.drain({ deadlineMs: 10_000 }), rig.clock);

    expect(report).toEqual({ delivered: 0, dead: 0, queued: 5, inFlight: 0 });
    expect(rig.clock.now()).toBe(beforeMs);
  });

  it("is probed by a drain that lasts long enough", async () => {
    let isUp = false;
    const { rig, dispatcher } = await openDown(() => (isUp ? DELIVERED : SERVER_ERROR));
    await using _rig = rig;
    isUp = true;

    const report = await finish(dispatcher.drain({ deadlineMs: 2 * MINUTE_MS }), rig.clock);

    expect(report).toEqual({ delivered: 5, dead: 0, queued: 0, inFlight: 0 });
  });

  it("does not delay another destination", async () => {
    const { rig, startMs } = await openDown((destination) => (destination === "test/a" ? SERVER_ERROR : DELIVERED));
    await using _rig = rig;
    const ids = await rig.enqueue({}, { destination: "test/b" }, {}, { destination: "test/c" });
    await rig.clock.until(() => rig.sent.length === 7);
    await rig.clock.settle(50);

    expect(rig.sent.slice(5)).toMatchObject([
      { destination: "test/b", atMs: startMs },
      { destination: "test/c", atMs: startMs },
    ]);
    expect(await rig.read(ids[1])).toMatchObject({ status: "delivered" });
  });

  it("keeps the order of a subject over the opening", async () => {
    await using rig = await openRig();
    let isUp = false;
    rig.start({ profile: "page", answer: () => (isUp ? DELIVERED : SERVER_ERROR) });
    const ids = await rig.enqueue(...Array.from({ length: 5 }, () => ({})), { subject: "s" }, { subject: "s" });
    await rig.clock.until(() => rig.sent.length >= 5);
    await rig.clock.settle(50);
    isUp = true;

    await rig.clock.advance(5 * MINUTE_MS);

    const delivered = rig.sent.filter(({ subject }) => subject === "s").map(({ id }) => ids.indexOf(id));
    expect(delivered.slice(-2)).toEqual([5, 6]);
    expect(await rig.outbox.list({ status: ["queued", "sending", "dead"] })).toEqual([]);
  });
});
