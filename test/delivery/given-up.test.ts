import { describe, expect, it } from "vitest";
import { sweepDeadRuns } from "../../src/hooks/sweep.ts";
import { newHealth } from "../../src/delivery/health.ts";
import { DELIVERED, finish, openRig, type Rig, SERVER_ERROR } from "./rig.ts";

const MINUTE_MS = 60_000;
const ALERTS = "test/alerts";
const SECOND = "test/second";
const alerting = { destination: ALERTS };
const handling = (destination: string) => (destination === "test/a" ? { fallback: SECOND } : {});
const GONE = "killed";

/** Processes end with this delivery until it is given up. */
async function kill(rig: Rig, id: string | undefined): Promise<void> {
  for (let ends = 0; (await rig.read(id)).status !== "dead"; ends += 1) {
    if (ends > 20) throw new Error("it is not given up");
    const nowMs = rig.clock.now() + ends * MINUTE_MS;
    const [claimed] = (await rig.outbox.claim({ destination: "test/a", leaseId: GONE, nowMs, limit: 1 })).deliveries;
    if (claimed?.isSuspect === true) await rig.outbox.begin(claimed.id, GONE);
    await rig.outbox.recover(GONE, nowMs);
  }
}

const to = async (rig: Rig, destination: string) => (await rig.outbox.list({ destination })).toReversed();

describe("what processes gave up by ending with it", () => {
  it("reaches the fallback of its block, and people are told, in the next process", async () => {
    await using rig = await openRig();
    const [id] = await rig.enqueue({});
    await kill(rig, id);

    rig.start({ alerting, handling });
    await rig.clock.advance(MINUTE_MS);
    await rig.clock.settle(50);

    expect(await to(rig, SECOND)).toMatchObject([{ dedupKey: `fallback/${id}`, status: "delivered" }]);
    const [fallback] = await to(rig, SECOND);
    expect(fallback?.payload["notice"]).toMatch(/did not take it\. It may have arrived there\. attempts-exhausted/);
    expect(await to(rig, ALERTS)).toMatchObject([
      { status: "delivered", severity: "warning", payload: { title: "1 message for test/a given up" } },
    ]);
  });

  it("reaches the fallback of its hook, and people are told, in a process that lives", async () => {
    await using rig = await openRig();
    const [id] = await rig.enqueue({ payload: { title: "t", body: "b", fallback: "test/of-hook" } });
    for (let ends = 0; ends < 4; ends += 1) {
      const nowMs = rig.clock.now() + ends * MINUTE_MS;
      const [claimed] = (await rig.outbox.claim({ destination: "test/a", leaseId: GONE, nowMs, limit: 1 })).deliveries;
      if (claimed?.isSuspect === true) await rig.outbox.begin(claimed.id, GONE);
      await rig.outbox.recover(GONE, nowMs);
    }
    const nowMs = rig.clock.now() + 5 * MINUTE_MS;
    const [last] = (await rig.outbox.claim({ destination: "test/a", leaseId: GONE, nowMs, limit: 1 })).deliveries;
    await rig.outbox.begin(last?.id ?? "", GONE);
    rig.start({ alerting, handling });
    await rig.clock.advance(1_000);

    const { leases, runs, outbox } = rig.store;
    const { clock, log } = rig;
    await sweepDeadRuns({ leases, runs, outbox, clock, log, listeners: [], leaseId: "own" });
    await rig.clock.advance(1_000);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "attempts-exhausted" });
    expect(await to(rig, "test/of-hook")).toMatchObject([{ status: "delivered" }]);
    expect(await to(rig, SECOND)).toEqual([]);
    expect(await to(rig, ALERTS)).toMatchObject([{ payload: { title: "1 message for test/a given up" } }]);
  });

  it("reaches it once, whoever looks and however often", async () => {
    await using rig = await openRig();
    const [id] = await rig.enqueue({});
    await kill(rig, id);
    rig.start({ by: "one", alerting, handling });
    rig.start({ by: "two", alerting, handling });
    await rig.clock.advance(MINUTE_MS);
    await rig.enqueue({});
    await rig.clock.advance(3 * 60 * MINUTE_MS);
    await rig.clock.settle(50);

    expect(await to(rig, SECOND)).toHaveLength(1);
    expect(await to(rig, ALERTS)).toHaveLength(1);
  });

  it("reaches it where nobody is told, and is not told of later", async () => {
    await using rig = await openRig();
    const [id] = await rig.enqueue({});
    await kill(rig, id);
    const first = rig.start({ handling });
    await rig.clock.advance(MINUTE_MS);
    await finish(first[Symbol.asyncDispose](), rig.clock);
    expect(await to(rig, SECOND)).toHaveLength(1);

    rig.start({ alerting, handling });
    await rig.enqueue({});
    await rig.clock.advance(MINUTE_MS);

    expect(await to(rig, ALERTS)).toEqual([]);
  });

  it("is not sent again when a fallback is named long after", async () => {
    await using rig = await openRig();
    const ids = await rig.enqueue({}, {});
    await kill(rig, ids[0]);
    const first = rig.start({});
    await rig.clock.advance(MINUTE_MS);
    await finish(first[Symbol.asyncDispose](), rig.clock);
    const [later] = await rig.enqueue({});
    await kill(rig, later);

    rig.start({ handling });
    await rig.clock.advance(MINUTE_MS);
    await rig.clock.settle(20);

    expect((await to(rig, SECOND)).map(({ dedupKey }) => dedupKey)).toEqual([`fallback/${later}`]);
  });

  it("is counted whatever else is written of its destination at the same time", async () => {
    await using rig = await openRig();
    const [id] = await rig.enqueue({});
    const known = newHealth("test/a");
    await rig.outbox.writeHealth(known);
    await kill(rig, id);
    await rig.outbox.writeHealth({ ...known, consecutiveFailures: 1 });

    expect(await rig.outbox.readHealth("test/a")).toMatchObject({ givenUp: 1, consecutiveFailures: 1 });
  });
});

describe("a delivery whose time is up before its next attempt", () => {
  it("counts among those that people are told of", async () => {
    await using rig = await openRig();
    const expiresAtMs = rig.clock.now() + 40_000;
    const answer = (sent: { readonly destination: string }) =>
      sent.destination === "test/a" ? SERVER_ERROR : DELIVERED;
    const stopped = rig.start({ alerting, answer });
    const [id] = await rig.enqueue({ expiresAtMs });
    await rig.clock.advance(100);
    await finish(stopped[Symbol.asyncDispose](), rig.clock);
    await rig.clock.advance(MINUTE_MS);

    rig.start({ alerting, answer });
    await rig.clock.advance(1_000);
    await rig.clock.settle(50);

    expect(await rig.read(id)).toMatchObject({ status: "dead", reason: "expired", attempts: 1 });
    expect(await to(rig, ALERTS)).toMatchObject([{ payload: { title: "1 message for test/a given up" } }]);
  });
});
