import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import type { Delivery } from "../../src/delivery/delivery.ts";
import { directDelivery } from "../../src/delivery/direct.ts";
import type { HubEventName } from "../../src/events/event.ts";
import { DELIVERED, finish, openRig, type Rig, SERVER_ERROR } from "./rig.ts";

const MINUTE_MS = 60_000;
const ALERTS = "test/alerts";
const alerting = { destination: ALERTS };

const AUTH: Outcome = { kind: "permanent", reason: "auth", detail: "HTTP 401" };
const GONE: Outcome = { kind: "permanent", reason: "gone", detail: "HTTP 410", disableBlock: true };
const BAD: Outcome = { kind: "permanent", reason: "invalid-payload", detail: "HTTP 400" };
const quota = (afterMs: number): Outcome => ({
  kind: "retry",
  reason: "quota",
  detail: "429",
  afterMs,
  ambiguous: false,
});

const alertsOf = async (rig: Rig): Promise<Delivery[]> => (await rig.outbox.list({ destination: ALERTS })).toReversed();
const titles = async (rig: Rig) => (await alertsOf(rig)).map(({ payload }) => payload["title"]);
const eventsOf = async (rig: Rig): Promise<HubEventName[]> => (await rig.store.events.read()).map(({ event }) => event);

/** Only the destination of the tests gets this answer; people can always be told. */
const only = (answer: (destination: string) => Outcome) => (sent: { readonly destination: string }) =>
  sent.destination === ALERTS ? DELIVERED : answer(sent.destination);

describe("a destination that fails for long", () => {
  it("raises one event after 15 minutes, and people are told through the other path", async () => {
    await using rig = await openRig();
    rig.start({ alerting, profile: "page", answer: only(() => SERVER_ERROR) });
    await rig.enqueue({});

    await rig.clock.advance(15 * MINUTE_MS - 1_000);
    expect(await eventsOf(rig)).toEqual([]);
    await rig.clock.advance(2_000);
    await rig.clock.settle(50);

    const [event] = await rig.store.events.read();
    expect(event).toMatchObject({
      event: "bellhop.destination.failing",
      resource: { "prefect.resource.id": "bellhop.destination.test/a" },
      payload: { destination: "test/a", failing_since: "2026-01-01T00:00:00.000Z", last_failure: "server: 500" },
    });
    expect(await alertsOf(rig)).toMatchObject([
      {
        status: "delivered",
        subject: "destination/test/a",
        severity: "error",
        payload: {
          plain: true,
          title: "test/a is failing",
          body: "Nothing was delivered for 15m, since 2026-01-01T00:00:00.000Z.\nLast answer: server: 500",
        },
      },
    ]);

    await rig.clock.advance(30 * MINUTE_MS);
    expect(await eventsOf(rig)).toEqual(["bellhop.destination.failing"]);
    expect(await titles(rig)).toHaveLength(1);
  });

  it("raises it after the time that is set", async () => {
    await using rig = await openRig();
    rig.start({ alerting: { failingAfterMs: MINUTE_MS }, profile: "page", answer: () => SERVER_ERROR });
    await rig.enqueue({});

    await rig.clock.advance(MINUTE_MS + 1_000);
    await rig.clock.settle(50);

    expect(await eventsOf(rig)).toEqual(["bellhop.destination.failing"]);
    expect(await alertsOf(rig)).toEqual([]);
  });

  it("raises it when time is up, however long the next attempt is off", async () => {
    await using rig = await openRig();
    // After its third attempt the next one comes half an hour later.
    rig.start({ alerting, profile: "webhook", answer: only(() => SERVER_ERROR) });
    await rig.enqueue({});
    await rig.clock.advance(15 * MINUTE_MS + 1_000);
    await rig.clock.settle(50);

    expect(rig.sent.filter(({ destination }) => destination !== ALERTS)).toHaveLength(3);
    expect(await eventsOf(rig)).toEqual(["bellhop.destination.failing"]);
    expect(rig.clock.pending.keepAlive).toBe(0);
  });

  it("raises it in the next process when the first one ended before", async () => {
    await using rig = await openRig();
    const first = rig.start({ alerting, profile: "webhook", answer: only(() => SERVER_ERROR) });
    await rig.enqueue({});
    await rig.clock.advance(10 * MINUTE_MS);
    await finish(first[Symbol.asyncDispose](), rig.clock);

    rig.start({ alerting, profile: "webhook", answer: only(() => SERVER_ERROR) });
    await rig.clock.advance(6 * MINUTE_MS);
    await rig.clock.settle(50);

    expect(await eventsOf(rig)).toEqual(["bellhop.destination.failing"]);
    expect(await titles(rig)).toEqual(["test/a is failing"]);
  });

  it("is told of once by two processes that notice it at the same time", async () => {
    await using rig = await openRig();
    rig.start({ alerting, profile: "webhook", answer: only(() => SERVER_ERROR) });
    await rig.enqueue({});
    await rig.clock.advance(MINUTE_MS);
    rig.start({ alerting, by: "two", profile: "webhook", answer: only(() => SERVER_ERROR) });

    await rig.clock.advance(15 * MINUTE_MS);
    await rig.clock.settle(50);

    expect(await eventsOf(rig)).toEqual(["bellhop.destination.failing"]);
    expect(await titles(rig)).toEqual(["test/a is failing"]);
  });

  it("is told of again when it delivers again", async () => {
    await using rig = await openRig();
    let isUp = false;
    rig.start({ alerting, profile: "page", answer: only(() => (isUp ? DELIVERED : SERVER_ERROR)) });
    await rig.enqueue({});
    await rig.clock.advance(16 * MINUTE_MS);
    isUp = true;

    await rig.clock.advance(16 * MINUTE_MS);
    await rig.clock.settle(50);

    expect(await eventsOf(rig)).toEqual(["bellhop.destination.failing", "bellhop.destination.recovered"]);
    expect(await alertsOf(rig)).toMatchObject([
      { payload: { title: "test/a is failing" } },
      { severity: "success", status: "delivered", payload: { title: "test/a delivers again" } },
    ]);
  });

  it("is never told of through itself", async () => {
    await using rig = await openRig();
    rig.start({ alerting, profile: "page", answer: () => BAD });
    const [id] = await rig.enqueue({ destination: ALERTS });
    await rig.clock.advance(2 * 60 * MINUTE_MS);

    expect(await rig.read(id)).toMatchObject({ status: "dead" });
    expect(await alertsOf(rig)).toHaveLength(1);
    expect(await eventsOf(rig)).toEqual(["bellhop.delivery.dead"]);
  });
});

describe("a dead letter", () => {
  it("raises its event in the transaction that gives it up", async () => {
    await using rig = await openRig();
    rig.start({ answer: () => BAD });
    const [id] = await rig.enqueue({ subject: "flow-run/1" });
    await rig.clock.until(() => rig.sent.length === 1);
    await rig.clock.settle(50);

    expect(await rig.store.events.read()).toMatchObject([
      {
        event: "bellhop.delivery.dead",
        resource: { "prefect.resource.id": `bellhop.delivery.${id}`, "bellhop.destination": "test/a" },
        payload: { delivery_id: id, reason: "invalid-payload", detail: "HTTP 400", attempts: 1, subject: "flow-run/1" },
      },
    ]);
  });

  it("is told of at once; those of the hour after it come as one message with their number", async () => {
    await using rig = await openRig();
    rig.start({ alerting, answer: only(() => BAD) });
    await rig.enqueue({});
    await rig.clock.until(() => rig.sent.length === 2);
    await rig.enqueue({}, {}, {});
    await rig.enqueue({ destination: "test/b" });
    await rig.clock.advance(59 * MINUTE_MS);
    expect(await titles(rig)).toEqual(["1 message for test/a given up", "1 message for test/b given up"]);

    await rig.clock.advance(2 * MINUTE_MS);
    await rig.clock.settle(50);

    expect((await titles(rig)).slice(2)).toEqual(["3 messages for test/a given up"]);
    expect((await alertsOf(rig)).at(-1)).toMatchObject({
      severity: "warning",
      payload: { body: "Given up: 3 messages. See them with: bellhop delivery ls" },
    });
  });
});

describe("a destination that is of no use any more", () => {
  it("is disabled after three refusals; what comes then is given up unsent, and people are told", async () => {
    await using rig = await openRig();
    rig.start({ alerting, answer: only(() => AUTH) });
    for (let count = 1; count <= 3; count += 1) {
      await rig.enqueue({});
      await rig.clock.settle(50);
    }
    const sent = () => rig.sent.filter(({ destination }) => destination === "test/a").length;
    expect(sent()).toBe(3);

    const [id] = await rig.enqueue({});
    await rig.clock.settle(50);

    expect(sent()).toBe(3);
    expect(await rig.read(id)).toMatchObject({
      status: "dead",
      reason: "auth",
      detail: "not sent, the destination is disabled: auth: HTTP 401",
    });
    expect((await eventsOf(rig)).filter((event) => event !== "bellhop.delivery.dead")).toEqual([
      "bellhop.channel.disabled",
    ]);
    expect(await rig.outbox.readHealth("test/a")).toMatchObject({ disabledReason: "auth: HTTP 401" });
    // The first dead letter was told; that it is disabled follows within the hour.
    await rig.clock.advance(61 * MINUTE_MS);
    expect(await titles(rig)).toEqual(["1 message for test/a given up", "test/a is disabled"]);
  });

  it("is tried with one message after fifteen minutes, and used again when that one arrives", async () => {
    await using rig = await openRig();
    let isBack = false;
    rig.start({ alerting, answer: only(() => (isBack ? DELIVERED : GONE)) });
    await rig.enqueue({});
    await rig.clock.settle(50);
    expect(await titles(rig)).toEqual(["test/a is disabled"]);
    isBack = true;
    const [early] = await rig.enqueue({});
    await rig.clock.advance(15 * MINUTE_MS);
    const late = await rig.enqueue({}, {}, {});
    await rig.clock.advance(1_000);
    await rig.clock.settle(50);

    expect(await rig.read(early)).toMatchObject({ status: "dead", reason: "gone" });
    for (const id of late) expect(await rig.read(id)).toMatchObject({ status: "delivered" });
    expect(await titles(rig)).toContain("test/a delivers again");
  });

  it("is tried at once when a person replays what was given up", async () => {
    await using rig = await openRig();
    let isBack = false;
    rig.start({ answer: () => (isBack ? DELIVERED : GONE) });
    const [id = ""] = await rig.enqueue({});
    await rig.clock.settle(50);
    isBack = true;

    await rig.outbox.replay({ ids: [id] }, rig.clock.now());
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "delivered" });
  });

  it("is tried at once after a direct send that arrived", async () => {
    await using rig = await openRig();
    let isBack = false;
    rig.start({ answer: () => (isBack ? DELIVERED : GONE) });
    await rig.enqueue({});
    await rig.clock.settle(50);
    isBack = true;
    const sent = { deliveryId: newId(), destination: "test/a", title: "t", body: "b", durationMs: 1, status: 200 };
    rig.outbox.journal(...directDelivery({ ...sent, startedAtMs: rig.clock.now(), outcome: DELIVERED }));
    await rig.clock.advance(100);

    const [id] = await rig.enqueue({});
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "delivered" });
  });

  it("is used again when its block is saved anew", async () => {
    await using rig = await openRig();
    let revision = 1;
    rig.start({ answer: () => (revision === 1 ? GONE : DELIVERED), handling: () => ({ revision }) });
    await rig.enqueue({});
    await rig.clock.settle(50);
    revision = 2;

    const ids = await rig.enqueue({}, {});
    await rig.clock.settle(50);

    for (const id of ids) expect(await rig.read(id)).toMatchObject({ status: "delivered" });
  });

  it("does not keep to the rate for what is not sent, nor delay another destination", async () => {
    await using rig = await openRig();
    rig.start({
      rate: { capacity: 2, refillPerSecond: 0.01 },
      answer: ({ destination }) => (destination === "test/a" ? GONE : DELIVERED),
    });
    await rig.enqueue({});
    await rig.clock.settle(50);

    const ids = await rig.enqueue(...Array.from({ length: 20 }, () => ({})), { destination: "test/b" });
    await rig.clock.advance(1_000);
    await rig.clock.settle(50);

    const statuses = await Promise.all(ids.map(async (id) => (await rig.read(id)).status));
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => "dead"), "delivered"]);
  });
});

describe("a quota that is used up", () => {
  it("pauses the destination and raises one event, however many attempts found out", async () => {
    await using rig = await openRig();
    rig.start({ answer: ({ atMs }) => (atMs < 1_767_225_600_000 + 7_200_000 ? quota(7_200_000) : DELIVERED) });
    const ids = await rig.enqueue({}, {}, {});
    await rig.clock.settle(50);

    expect(await rig.store.events.read()).toMatchObject([
      { event: "bellhop.channel.throttled", payload: { destination: "test/a", until: "2026-01-01T02:00:00.000Z" } },
    ]);
    await rig.clock.advance(119 * MINUTE_MS);
    expect(rig.sent).toHaveLength(3);
    await rig.clock.advance(2 * MINUTE_MS);
    await rig.clock.settle(50);
    for (const id of ids) expect(await rig.read(id)).toMatchObject({ status: "delivered" });
  });

  it("is no event when the wait is an ordinary one", async () => {
    await using rig = await openRig();
    rig.start({
      answer: ({ attempt }) =>
        attempt === 1 ? ({ ...quota(3_600_000), reason: "rate-limited" } as Outcome) : DELIVERED,
    });
    await rig.enqueue({});
    await rig.clock.settle(50);

    expect(await eventsOf(rig)).toEqual([]);
  });
});
