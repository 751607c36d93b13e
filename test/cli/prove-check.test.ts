import { describe, expect, it } from "vitest";
import { check } from "../../src/cli/prove/check.ts";
import type { Acknowledged, Histories, Received, StoredDelivery } from "../../src/cli/prove/history.ts";

const TO = "prove-sink/steady";

const stored = (seq: number, values: Partial<StoredDelivery> = {}): StoredDelivery => ({
  seq,
  id: `d${seq}`,
  stateId: `s${seq}`,
  destination: TO,
  subject: "flow-run/1",
  status: "delivered",
  attempts: 1,
  uncertain: false,
  reason: null,
  detail: null,
  ...values,
});

const received = (seq: number, accepted = true, atMs = 1_000): Received => ({
  deliveryId: `d${seq}`,
  destination: TO,
  behaviour: "ok",
  accepted,
  atMs,
});

const acknowledged = (seq: number): Acknowledged => ({ stateId: `s${seq}`, refs: [TO], atMs: 990 });

/** Two messages of one subject that were acknowledged, sent and delivered in order; `values` doctors it. */
function histories(values: Partial<Histories> = {}): Histories {
  const deliveries = values.deliveries ?? [stored(1), stored(2)];
  return {
    acknowledged: [acknowledged(1), acknowledged(2)],
    owed: [1, 2].map((seq) => ({ stateId: `s${seq}`, destination: TO })),
    received: [received(1), received(2)],
    stateIds: new Set(["s1", "s2"]),
    unfinishedRuns: [],
    recordedAttempts: new Map(deliveries.map(({ seq, attempts }) => [seq, attempts])),
    integrity: "ok",
    ...values,
    deliveries,
  };
}

const breaches = (values: Partial<Histories>) => check(histories(values)).breaches.map(({ kind, id }) => [kind, id]);

describe("the checker of bellhop prove", () => {
  it("finds nothing where nothing is wrong, and counts", () => {
    expect(check(histories())).toEqual({
      enqueued: 2,
      delivered: 2,
      suppressed: 0,
      dead: {},
      attempts: 2,
      requests: 2,
      duplicated: 0,
      uncertain: 0,
      breaches: [],
      latenciesMs: [10, 10],
    });
  });

  it.each([
    {
      what: "an acknowledged state that is gone",
      values: { stateIds: new Set(["s1"]), deliveries: [stored(1)], owed: [], received: [received(1)] },
      found: [["lost", "s2"]],
    },
    {
      what: "an acknowledged state without its delivery",
      values: { deliveries: [stored(1)], owed: [], received: [received(1)] },
      found: [["lost", "s2"]],
    },
    {
      what: "a stored state that owes a delivery, acknowledged or not",
      values: { acknowledged: [], deliveries: [stored(1)], received: [received(1)] },
      found: [["lost", "s2"]],
    },
    {
      what: "a delivery that is still queued",
      values: { deliveries: [stored(1), stored(2, { status: "queued", attempts: 0 })], received: [received(1)] },
      found: [["lost", "d2"]],
    },
    {
      what: "a delivery that is said to be delivered, and never arrived",
      values: { received: [received(1), received(2, false)] },
      found: [["lost", "d2"]],
    },
    {
      what: "a delivery given up without a reason",
      values: { deliveries: [stored(1), stored(2, { status: "dead" })] },
      found: [["lost", "d2"]],
    },
    {
      what: "a delivery overtaken by an older one",
      values: {
        deliveries: [stored(1), stored(2, { status: "suppressed", reason: "overtaken", detail: "d1", attempts: 0 })],
        received: [received(1)],
      },
      found: [["lost", "d2"]],
    },
    {
      what: "a run that nobody ended",
      values: { unfinishedRuns: ["flow run keen-otter is Running"] },
      found: [["lost", "flow run keen-otter is Running"]],
    },
    {
      what: "a message taken twice that is not marked",
      values: {
        deliveries: [stored(1, { attempts: 2 }), stored(2)],
        received: [received(1), received(1), received(2)],
      },
      found: [["duplicated", "d1"]],
    },
    {
      what: "two deliveries of one state and hook",
      values: {
        deliveries: [stored(1), stored(2), stored(3, { stateId: "s2" })],
        received: [1, 2, 3].map((seq) => received(seq)),
      },
      found: [["duplicated", "d3"]],
    },
    {
      what: "a later message that came first",
      values: { received: [received(2), received(1)] },
      found: [["order", "d2"]],
    },
    {
      what: "an earlier message that came again after a later one, marked or not",
      values: {
        deliveries: [stored(1, { attempts: 2, uncertain: true }), stored(2)],
        received: [received(1), received(2), received(1)],
      },
      found: [["order", "d2"]],
    },
    {
      what: "a message that no state owes",
      values: { received: [received(1), received(2), received(9)] },
      found: [["unowed", "d9"]],
    },
    {
      what: "a request that is not on the record",
      values: { received: [received(1, false), received(1), received(2)] },
      found: [["unrecorded", "d1"]],
    },
    {
      what: "an attempt that is counted and not on the record",
      values: { recordedAttempts: new Map([[1, 1]]) },
      found: [["unrecorded", "d2"]],
    },
    { what: "a file that is not whole", values: { integrity: "row 3 missing" }, found: [["corrupt", "store"]] },
  ])("finds $what", ({ values, found }) => {
    expect(breaches(values)).toEqual(found);
  });

  it.each([
    {
      what: "a message taken twice that is marked uncertain",
      values: {
        deliveries: [stored(1, { attempts: 2, uncertain: true }), stored(2)],
        received: [received(1), received(1), received(2)],
      },
    },
    {
      what: "a message given up with a reason",
      values: {
        deliveries: [stored(1), stored(2, { status: "dead", reason: "invalid-payload" })],
        received: [received(1), received(2, false)],
      },
    },
    {
      what: "a message that a newer one overtook",
      values: {
        deliveries: [stored(1, { status: "suppressed", reason: "overtaken", detail: "d2", attempts: 0 }), stored(2)],
        received: [received(2)],
      },
    },
    {
      what: "different subjects in any order",
      values: { deliveries: [stored(1), stored(2, { subject: "flow-run/2" })], received: [received(2), received(1)] },
    },
    {
      what: "a delivery that was refused and then taken",
      values: {
        deliveries: [stored(1, { attempts: 2 }), stored(2)],
        received: [received(1, false), received(1), received(2)],
      },
    },
  ] satisfies { what: string; values: Partial<Histories> }[])("does not mind $what", ({ values }) => {
    expect(breaches(values)).toEqual([]);
  });
});
