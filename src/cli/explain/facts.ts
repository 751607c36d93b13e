import type { BlockStore } from "../../block/block-store.ts";
import type { Core } from "../../core.ts";
import type { Attempt, Delivery } from "../../delivery/delivery.ts";
import type { OutboxStore } from "../../delivery/outbox-store.ts";
import type { DeclaredHook } from "../../runs/declared-hook.ts";
import type { FlowRunRecord, RunRecord } from "../../runs/flow-run.ts";
import type { HookOutcome, RunStore, StoredState } from "../../runs/run-store.ts";
import { originalOf } from "../delivery/links.ts";
import { type Waiting, whatFor } from "../delivery/waiting.ts";

/** A flow run or a task run, with all that looked at its states. */
export interface Life {
  readonly run: RunRecord;
  /** Oldest first. */
  readonly states: readonly StoredState[];
  readonly declared: readonly DeclaredHook[];
  /** What its hook functions did. */
  readonly outcomes: readonly HookOutcome[];
}

/** A message about the run, and what became of it. */
export interface Told {
  readonly delivery: Delivery;
  readonly attempts: readonly Attempt[];
  readonly waiting: Waiting | null;
  /** The one that was made because this one was given up. */
  readonly instead: Told | null;
}

/** Everything that is stored about who was told of a flow run. */
export interface Facts {
  readonly run: FlowRunRecord;
  /** The flow run, then its task runs. */
  readonly lives: readonly Life[];
  /** In order of arrival; those that stand in for another one hang on it. */
  readonly told: readonly Told[];
  /** Blocks that hooks or deliveries name, and that are not saved now. */
  readonly missingBlocks: readonly string[];
  /** Flow runs inside this one, which have an explanation of their own. */
  readonly nested: readonly FlowRunRecord[];
}

export async function readFacts({ store, clock }: Pick<Core, "store" | "clock">, run: FlowRunRecord): Promise<Facts> {
  const lives = await readLives(store.runs, run);
  const told = await readTold(store.outbox, run.id, clock.now());
  const refs = new Set([
    ...lives.flatMap(({ declared }) => declared.map(({ ref }) => ref)),
    ...told.map(({ delivery }) => delivery.destination),
  ]);
  return {
    run,
    lives,
    told,
    missingBlocks: await missingOf(store.blocks, [...refs].toSorted()),
    nested: await nestedOf(store.runs, lives),
  };
}

async function readLives(runs: RunStore, run: FlowRunRecord): Promise<Life[]> {
  const outcomes = await runs.listHookOutcomes(run.id);
  const life = async (one: RunRecord): Promise<Life> => {
    const isFlow = one.kind === "flow-run";
    return {
      run: one,
      states: await runs.listStates(isFlow ? { flowRunId: one.id } : { taskRunId: one.id }),
      declared: await runs.readDeclaredHooks(one.id),
      outcomes: outcomes.filter(({ taskRunId }) => taskRunId === (isFlow ? null : one.id)),
    };
  };
  return Promise.all([run, ...(await runs.listTaskRuns(run.id))].map(life));
}

/** The most that the outbox lists at once. */
const PAGE = 200;

async function readTold(outbox: OutboxStore, flowRunId: string, nowMs: number): Promise<Told[]> {
  const newestFirst: Delivery[] = [];
  for (let page: Delivery[] | undefined; page === undefined || page.length === PAGE; newestFirst.push(...page))
    page = await outbox.list({ flowRunId, limit: PAGE, offset: newestFirst.length });
  const deliveries = newestFirst.toReversed();
  const waits = await whatFor(outbox, deliveries, nowMs);
  const standIns = new Map(deliveries.map((delivery) => [originalOf(delivery), delivery]));
  const toldOf = async (delivery: Delivery): Promise<Told> => {
    // What stands in for another one has no stand-in itself.
    const instead = originalOf(delivery) === null ? standIns.get(delivery.id) : undefined;
    return {
      delivery,
      attempts: await outbox.attempts(delivery.id),
      waiting: waits.get(delivery.id) ?? null,
      instead: instead === undefined ? null : await toldOf(instead),
    };
  };
  return Promise.all(deliveries.filter((delivery) => originalOf(delivery) === null).map(toldOf));
}

async function missingOf(blocks: BlockStore, refs: readonly string[]): Promise<string[]> {
  const rows = await Promise.all(
    refs.map(async (ref) => {
      const [slug = "", ...name] = ref.split("/");
      return { ref, row: await blocks.readDocument(slug, name.join("/")) };
    }),
  );
  return rows.filter(({ row }) => row === null).map(({ ref }) => ref);
}

async function nestedOf(runs: RunStore, lives: readonly Life[]): Promise<FlowRunRecord[]> {
  const ids = lives
    .flatMap(({ states }) => states.map(({ state }) => state.state_details.child_flow_run_id))
    .filter((id) => typeof id === "string");
  const read = await Promise.all([...new Set(ids)].map((id) => runs.readFlowRun(id)));
  return read.filter((run) => run !== null);
}
