import { DatabaseSync } from "node:sqlite";
import type { Attempt, Delivery } from "../../src/delivery/delivery.ts";
import type { StoredEvent } from "../../src/events/event.ts";
import type { DeclaredHook } from "../../src/runs/declared-hook.ts";
import type { FlowRunRecord } from "../../src/runs/flow-run.ts";
import type { StoredState } from "../../src/runs/run-store.ts";
import type { DeliveryRequest } from "../../src/runs/delivery-request.ts";
import type { Entry } from "./history.ts";
import type { Plan } from "./plan.ts";
import type { Scene } from "./scene.ts";
import type { LogLine } from "./sim-process.ts";

/** A flow run that was to have hooks, as it is in the store; `run` is null if it never got there. */
export interface RunFound {
  readonly hooks: readonly DeclaredHook[];
  readonly run: FlowRunRecord | null;
  readonly states: readonly StoredState[];
}

/** Everything that the promises are checked against. */
export interface Evidence {
  readonly plan: Plan;
  readonly entries: readonly Entry[];
  /** In order of arrival. */
  readonly deliveries: readonly Delivery[];
  readonly attempts: ReadonlyMap<string, readonly Attempt[]>;
  readonly events: readonly StoredEvent[];
  readonly runs: readonly RunFound[];
  /** Deliveries asked for with a state, by its id. */
  readonly bursts: ReadonlyMap<string, { readonly isStored: boolean; readonly requests: readonly DeliveryRequest[] }>;
  readonly logs: readonly LogLine[];
  /** Every text and every byte of the store. */
  readonly cells: readonly { readonly where: string; readonly text: string }[];
  readonly secret: string;
  readonly stuck: readonly string[];
}

const PAGE = 200;

export async function gather(scene: Scene, stuck: readonly string[]): Promise<Evidence> {
  const { plan, history, inspector, ground, secret, world } = scene;
  const read = async () => {
    const deliveries = await allDeliveries(scene);
    const attempts = new Map<string, readonly Attempt[]>();
    for (const { id } of deliveries) attempts.set(id, await inspector.outbox.attempts(id));
    return { deliveries, attempts, events: await allEvents(scene), runs: await allRuns(scene) };
  };
  const found = await world.drive(read(), "reading the store");
  const cells = [...cellsOf(ground.path)];
  const stateIds = new Set(cells.filter(({ where }) => where === "states.id").map(({ text }) => text));
  const bursts = new Map(
    [...scene.asked.bursts].map(([id, requests]) => [id, { isStored: stateIds.has(id), requests }] as const),
  );
  const logs = ground.processes.flatMap(({ lines }) => lines);
  return { plan, entries: history.entries, ...found, bursts, logs, cells, secret, stuck };
}

async function allDeliveries({ inspector }: Scene): Promise<Delivery[]> {
  const all: Delivery[] = [];
  for (;;) {
    const page = await inspector.outbox.list({ limit: PAGE, offset: all.length });
    all.push(...page);
    if (page.length < PAGE) return all.toSorted((a, b) => a.seq - b.seq);
  }
}

async function allEvents({ inspector }: Scene): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (;;) {
    const page = await inspector.events.read({ afterSeq: all.at(-1)?.seq ?? 0, limit: PAGE });
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

async function allRuns({ inspector: { runs }, asked }: Scene): Promise<RunFound[]> {
  const found: RunFound[] = [];
  for (const [flowRunId, hooks] of asked.hooks) {
    found.push({ hooks, run: await runs.readFlowRun(flowRunId), states: await runs.listStates({ flowRunId }) });
  }
  return found;
}

/** Reads the file as it is, not through the product. */
function* cellsOf(path: string): Generator<{ where: string; text: string }> {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = db.prepare("select name from sqlite_schema where type = 'table'").all();
    for (const { name } of tables) {
      for (const row of db.prepare(`select * from "${String(name)}"`).all()) {
        for (const [column, value] of Object.entries(row)) {
          const where = `${String(name)}.${column}`;
          if (typeof value === "string") yield { where, text: value };
          else if (value instanceof Uint8Array) yield { where, text: Buffer.from(value).toString("latin1") };
        }
      }
    }
  } finally {
    db.close();
  }
}
