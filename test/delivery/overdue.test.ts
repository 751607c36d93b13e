import { describe, expect, it } from "vitest";
import type { Delivery } from "../../src/delivery/delivery.ts";
import type { StoredEvent } from "../../src/events/event.ts";
import { DELIVERED, finish, openRig, rateLimited, type Rig, SERVER_ERROR, type Wanted } from "./rig.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const ALERTS = "test/alerts";
const SECOND = "test/second";
const alerting = { destination: ALERTS };
const handling = (destination: string) => (destination === "test/a" ? { fallback: SECOND } : {});

/** A destination of the tests that fails as long as this says so; every other one takes what it is given. */
const failing = (isDown: () => boolean) => (sent: { readonly destination: string }) =>
  sent.destination === "test/a" && isDown() ? SERVER_ERROR : DELIVERED;

async function all(rig: Rig, destination: string): Promise<Delivery[]> {
  const found: Delivery[] = [];
  for (;;) {
    const page = await rig.outbox.list({ destination, limit: 200, offset: found.length });
    found.push(...page);
    if (page.length < 200) return found.toReversed();
  }
}

function counted(deliveries: readonly Delivery[]): Partial<Record<Delivery["status"], number>> {
  const groups = [...Map.groupBy(deliveries, ({ status }) => status)];
  return Object.fromEntries(groups.map(([status, { length }]) => [status, length]));
}

async function deadEvents(rig: Rig): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for (let afterSeq = 0; ; afterSeq = found.at(-1)?.seq ?? 0) {
    const page = await rig.store.events.read({ afterSeq, events: ["bellhop.delivery.dead"], limit: 200 });
    if (page.length === 0) return found;
    found.push(...page);
  }
}

const backlog = (count: number): Wanted[] => Array.from({ length: count }, () => ({}));

describe("a backlog behind a destination that takes nothing", () => {
  it("is given up by age, without an attempt each, with its events, fallbacks and alert", async () => {
    await using rig = await openRig();
    rig.start({ alerting, handling, answer: failing(() => true) });
    const ids = await rig.enqueue(...backlog(300));

    await rig.clock.advance(76 * MINUTE_MS);
    await rig.clock.settle(200);

    const dead = await all(rig, "test/a");
    expect(counted(dead)).toEqual({ dead: 300 });
    expect(rig.sent.filter(({ destination }) => destination === "test/a").length).toBeLessThan(150);
    expect(dead.filter(({ reason, attempts }) => reason === "expired" && attempts === 0).length).toBeGreaterThan(150);
    const untried = dead.find(({ attempts }) => attempts === 0);
    expect(untried?.detail).toBe(
      "not tried any more: test/a has taken nothing since 2026-01-01T00:00:00.000Z; its last answer: server: 500",
    );
    expect(new Set((await deadEvents(rig)).map(({ payload }) => payload["delivery_id"]))).toEqual(new Set(ids));
    expect(await deadEvents(rig)).toHaveLength(300);
    expect(counted(await all(rig, SECOND))).toEqual({ delivered: 300 });
    const alerts = await all(rig, ALERTS);
    expect(alerts.at(-1)?.payload["body"]).toMatch(/Given up: \d+ messages/);
    const told = alerts.reduce(
      (sum, { payload }) => sum + Number(/Given up: (\d+)/.exec(String(payload["body"]))?.[1] ?? 0),
      0,
    );
    const health = await rig.outbox.readHealth("test/a");
    const untold = (health?.memory.untoldDead ?? 0) + (health?.givenUp ?? 0) - (health?.memory.givenUpTold ?? 0);
    expect(told + untold).toBe(300);
  });

  it("keeps the order of each subject on its other way", async () => {
    await using rig = await openRig();
    rig.start({ handling, answer: failing(() => true) });
    const wanted = backlog(40).map((_, index) => ({
      subject: `task-run/${index % 4}`,
      // The grave ones come last, and must not pass what came before them.
      severity: index > 30 ? ("critical" as const) : ("info" as const),
    }));
    const ids = await rig.enqueue(...wanted);

    await rig.clock.advance(2 * HOUR_MS);
    await rig.clock.settle(100);

    const place = new Map(ids.map((id, index) => [`fallback/${id}`, index]));
    for (let subject = 0; subject < 4; subject += 1) {
      const others = (await all(rig, SECOND)).filter((one) => one.subject === `task-run/${subject}`);
      const order = others.map(({ dedupKey }) => place.get(dedupKey) ?? -1);
      expect(order).toHaveLength(10);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
  });

  it("is delivered whole when the destination recovers in time", async () => {
    await using rig = await openRig();
    const startMs = rig.clock.now();
    rig.start({ handling, answer: failing(() => rig.clock.now() - startMs < 40 * MINUTE_MS) });
    await rig.enqueue(...backlog(300));

    await rig.clock.advance(2 * HOUR_MS);
    await rig.clock.settle(200);

    const deliveries = await all(rig, "test/a");
    expect(deliveries.filter(({ attempts }) => attempts === 0)).toEqual([]);
    // Those that were tried all the while may have had all their attempts.
    expect(counted(deliveries)["delivered"]).toBeGreaterThan(280);
    expect(deliveries.filter(({ reason }) => reason === "expired")).toEqual([]);
  });

  it("is given up by the next process too, after the destination was asked once more", async () => {
    await using rig = await openRig();
    const first = rig.start({ handling, answer: failing(() => true) });
    await rig.enqueue(...backlog(300));
    await rig.clock.advance(20 * MINUTE_MS);
    await finish(first[Symbol.asyncDispose](), rig.clock);
    await rig.clock.advance(3 * HOUR_MS);
    expect(counted(await all(rig, "test/a"))["queued"]).toBeGreaterThan(280);
    const before = rig.sent.length;

    rig.start({ by: "two", handling, answer: failing(() => true) });
    await rig.clock.advance(1_000);
    await rig.clock.settle(200);

    expect(counted(await all(rig, "test/a"))).toEqual({ dead: 300 });
    expect(rig.sent.slice(before).filter(({ destination }) => destination === "test/a")).toHaveLength(1);
    expect(counted(await all(rig, SECOND))["delivered"]).toBeGreaterThan(280);
  });

  it("is sent by the next process when the destination has recovered meanwhile, however late", async () => {
    await using rig = await openRig();
    const first = rig.start({ answer: failing(() => true) });
    await rig.enqueue(...backlog(100));
    await rig.clock.advance(MINUTE_MS);
    await finish(first[Symbol.asyncDispose](), rig.clock);
    await rig.clock.advance(5 * HOUR_MS);

    rig.start({ by: "two" });
    await rig.clock.advance(10 * MINUTE_MS);
    await rig.clock.settle(100);

    expect(counted(await all(rig, "test/a"))).toEqual({ delivered: 100 });
  });

  it("counts from the first failure, where it only waited for a process before", async () => {
    await using rig = await openRig();
    await rig.enqueue(...backlog(100));
    await rig.clock.advance(5 * HOUR_MS);

    rig.start({ answer: failing(() => true) });
    await rig.clock.advance(50 * MINUTE_MS);
    await rig.clock.settle(50);
    expect((await all(rig, "test/a")).filter(({ reason }) => reason === "expired")).toEqual([]);

    await rig.clock.advance(30 * MINUTE_MS);
    await rig.clock.settle(50);
    expect(counted(await all(rig, "test/a"))).toEqual({ dead: 100 });
  });

  it("has its full age again after a replay", async () => {
    await using rig = await openRig();
    rig.start({ answer: failing(() => true) });
    const ids = await rig.enqueue(...backlog(60));
    await rig.clock.advance(3 * HOUR_MS);
    await rig.clock.settle(50);
    expect(counted(await all(rig, "test/a"))).toEqual({ dead: 60 });

    await rig.outbox.replay({ ids }, rig.clock.now());
    await rig.clock.advance(40 * MINUTE_MS);
    await rig.clock.settle(50);
    expect(counted(await all(rig, "test/a"))["queued"]).toBeGreaterThan(30);

    await rig.clock.advance(40 * MINUTE_MS);
    await rig.clock.settle(50);
    expect(counted(await all(rig, "test/a"))).toEqual({ dead: 60 });
  });

  it("waits as long as the provider asks, whatever its age", async () => {
    await using rig = await openRig();
    const startMs = rig.clock.now();
    const answer = () => (rig.clock.now() - startMs < 5 * HOUR_MS ? rateLimited(5 * HOUR_MS) : DELIVERED);
    rig.start({ answer });
    await rig.enqueue(...backlog(50));

    await rig.clock.advance(6 * HOUR_MS);
    await rig.clock.settle(50);

    expect(counted(await all(rig, "test/a"))).toEqual({ delivered: 50 });
  });

  it("is given up at the age of its channel", async () => {
    await using rig = await openRig();
    rig.start({ profile: "sms", answer: failing(() => true) });
    await rig.enqueue(...backlog(100));

    await rig.clock.advance(46 * MINUTE_MS);
    await rig.clock.settle(50);

    expect(counted(await all(rig, "test/a"))).toEqual({ dead: 100 });
  });
});
