import type { Acknowledged, Histories, Received, StoredDelivery } from "./history.ts";

/** Which promise was broken. */
export type BreachKind =
  /** Enqueued, and neither delivered nor given up with a reason; or said to be delivered and never arrived. */
  | "lost"
  /** Taken by the receiver more than once without being marked. */
  | "duplicated"
  /** A later message of a subject before an earlier one. */
  | "order"
  /** A message that no state of the store owes. */
  | "unowed"
  /** A request that is not on the record as an attempt. */
  | "unrecorded"
  /** The store's file. */
  | "corrupt";

export interface Breach {
  readonly kind: BreachKind;
  /** Delivery, state or run. */
  readonly id: string;
  readonly detail: string;
}

export interface Verdict {
  readonly enqueued: number;
  readonly delivered: number;
  readonly suppressed: number;
  readonly dead: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly requests: number;
  /** Taken more than once, marked or not. */
  readonly duplicated: number;
  readonly uncertain: number;
  readonly breaches: readonly Breach[];
  /** From the acknowledged commit to the first acceptance, milliseconds, sorted. */
  readonly latenciesMs: readonly number[];
}

/** Compares what was acknowledged, what arrived, and what the store says in the end. Pure. */
export function check(histories: Histories): Verdict {
  const { deliveries, received, integrity } = histories;
  const arrivals = byDelivery(received);
  const dead: Record<string, number> = {};
  for (const { status, reason } of deliveries)
    if (status === "dead") dead[reason ?? "none"] = (dead[reason ?? "none"] ?? 0) + 1;
  const accepted = (id: string): number => (arrivals.get(id) ?? []).filter((each) => each.record.accepted).length;
  return {
    enqueued: deliveries.length,
    delivered: deliveries.filter(({ status }) => status === "delivered").length,
    suppressed: deliveries.filter(({ status }) => status === "suppressed").length,
    dead,
    attempts: deliveries.reduce((sum, { attempts }) => sum + attempts, 0),
    requests: received.length,
    duplicated: deliveries.filter(({ id }) => accepted(id) > 1).length,
    uncertain: deliveries.filter(({ uncertain }) => uncertain).length,
    breaches: [
      ...(integrity === "ok" ? [] : [{ kind: "corrupt", id: "store", detail: integrity } as const]),
      ...unstored(histories),
      ...deliveries.flatMap((delivery) => unsettled(delivery, accepted(delivery.id), histories)),
      ...deliveries.flatMap((delivery) => repeated(delivery, accepted(delivery.id))),
      ...twice(deliveries),
      ...unowed(histories),
      ...unrecorded(histories, arrivals),
      ...disordered(deliveries, arrivals),
    ],
    latenciesMs: latencies(histories, arrivals),
  };
}

interface Arrival {
  /** Position among all requests. */
  readonly at: number;
  readonly record: Received;
}

type Arrivals = ReadonlyMap<string, readonly Arrival[]>;

function byDelivery(received: readonly Received[]): Arrivals {
  const arrivals = new Map<string, Arrival[]>();
  for (const [at, record] of received.entries()) {
    const known = arrivals.get(record.deliveryId);
    if (known === undefined) arrivals.set(record.deliveryId, [{ at, record }]);
    else known.push({ at, record });
  }
  return arrivals;
}

const keyOf = (stateId: string | null, destination: string): string => `${stateId ?? ""} ${destination}`;

/** What was acknowledged or is owed, and is not there; runs that nobody ended. */
function unstored({ acknowledged, owed, deliveries, stateIds, unfinishedRuns }: Histories): Breach[] {
  const there = new Set(deliveries.map(({ stateId, destination }) => keyOf(stateId, destination)));
  const lost = (id: string, detail: string): Breach => ({ kind: "lost", id, detail });
  const ofAcknowledged = ({ stateId, refs }: Acknowledged): Breach[] =>
    stateIds.has(stateId)
      ? refs
          .filter((ref) => !there.has(keyOf(stateId, ref)))
          .map((ref) => lost(stateId, `an acknowledged state has no delivery for ${ref}`))
      : [lost(stateId, "an acknowledged state is not in the store")];
  return [
    ...acknowledged.flatMap(ofAcknowledged),
    ...owed
      .filter(({ stateId, destination }) => !there.has(keyOf(stateId, destination)))
      .map(({ stateId, destination }) => lost(stateId, `a stored state has no delivery for ${destination}`)),
    ...unfinishedRuns.map((run) => lost(run, "the run has no end, so its hooks owe nothing yet")),
  ];
}

function unsettled(delivery: StoredDelivery, accepted: number, { deliveries }: Histories): Breach[] {
  const { id, seq, status, reason, detail, destination, subject } = delivery;
  const lost = (text: string): Breach[] => [{ kind: "lost", id, detail: text }];
  if (status === "queued" || status === "sending") return lost(`still ${status} in the end (${reason ?? "no reason"})`);
  if (status === "delivered") return accepted > 0 ? [] : lost("said to be delivered, and never arrived");
  if (reason === null) return lost(`${status} without a reason`);
  if (status !== "suppressed" || reason !== "overtaken") return [];
  const newer = deliveries.find((each) => each.id === detail);
  const isNewer =
    newer !== undefined && newer.seq > seq && newer.destination === destination && newer.subject === subject;
  return isNewer ? [] : lost("overtaken by nothing newer");
}

const repeated = ({ id, uncertain, attempts, reason }: StoredDelivery, accepted: number): Breach[] =>
  accepted > 1 && !uncertain
    ? [
        {
          kind: "duplicated",
          id,
          detail: `taken ${accepted} times in ${attempts} attempts, not marked (${reason ?? "no reason"})`,
        },
      ]
    : [];

/** One state and one hook must not make two deliveries. */
function twice(deliveries: readonly StoredDelivery[]): Breach[] {
  const seen = new Set<string>();
  return deliveries.flatMap(({ id, stateId, destination }): Breach[] => {
    if (stateId === null) return [];
    const key = keyOf(stateId, destination);
    if (seen.has(key)) return [{ kind: "duplicated", id, detail: `a second delivery of state ${stateId}` }];
    seen.add(key);
    return [];
  });
}

function unowed({ received, deliveries }: Histories): Breach[] {
  const known = new Set(deliveries.map(({ id }) => id));
  return received
    .filter(({ deliveryId }) => !known.has(deliveryId))
    .map(({ deliveryId }) => ({ kind: "unowed", id: deliveryId, detail: "arrived, and is not in the store" }));
}

function unrecorded({ deliveries, recordedAttempts }: Histories, arrivals: Arrivals): Breach[] {
  return deliveries.flatMap(({ id, seq, attempts }): Breach[] => {
    const requests = arrivals.get(id)?.length ?? 0;
    const rows = recordedAttempts.get(seq) ?? 0;
    if (requests > attempts)
      return [{ kind: "unrecorded", id, detail: `${requests} requests, ${attempts} attempts on the record` }];
    if (rows !== attempts)
      return [{ kind: "unrecorded", id, detail: `${attempts} attempts counted, ${rows} on the record` }];
    return [];
  });
}

/** Within a subject every request for an earlier message comes before any for a later one. */
function disordered(deliveries: readonly StoredDelivery[], arrivals: Arrivals): Breach[] {
  const lines = new Map<string, StoredDelivery[]>();
  for (const delivery of deliveries) {
    const key = `${delivery.destination} ${delivery.subject}`;
    const line = lines.get(key);
    if (line === undefined) lines.set(key, [delivery]);
    else line.push(delivery);
  }
  return [...lines.values()].flatMap((line) => {
    let last = { at: -1, id: "", seq: 0 };
    return line
      .toSorted((a, b) => a.seq - b.seq)
      .flatMap(({ id, seq }): Breach[] => {
        const own = arrivals.get(id) ?? [];
        const first = own[0]?.at ?? Infinity;
        const before = last;
        const at = own.at(-1)?.at ?? -1;
        if (at > last.at) last = { at, id, seq };
        return first > before.at
          ? []
          : [{ kind: "order", id, detail: `number ${seq} came before ${before.id}, number ${before.seq}` }];
      });
  });
}

function latencies({ acknowledged, deliveries }: Histories, arrivals: Arrivals): number[] {
  const since = new Map(acknowledged.map(({ stateId, atMs }) => [stateId, atMs]));
  return deliveries
    .flatMap(({ id, stateId }) => {
      const fromMs = since.get(stateId ?? "");
      const taken = arrivals.get(id)?.find(({ record }) => record.accepted);
      return fromMs === undefined || taken === undefined ? [] : [Math.max(0, taken.record.atMs - fromMs)];
    })
    .sort((a, b) => a - b);
}
