// A nightly job as one would write it: parameters, tags, retries with a growing delay, a time limit, and people told
// by severity. Run it from cron; when the process is killed half-way, the next Bellhop process on this machine (any
// command, or `bellhop sweep` from cron) declares the run Crashed and sends what the hook below declares.
//
//   npx node -C bellhop-source examples/nightly.ts 2026-03-01 inbox/dev
import { flow, notify, runtime, task } from "bellhop";

const [day = "2026-03-01", channel = "slack-webhook/ops"] = process.argv.slice(2);

interface Order {
  readonly id: number;
  readonly cents: number;
}

const extract = task(
  { name: "extract", retries: 3, retryDelaySeconds: [1, 5, 30], timeoutSeconds: 60 },
  async (date: string): Promise<Order[]> => {
    console.log(`reading the orders of ${date}`);
    return [
      { id: 1, cents: 1_250 },
      { id: 2, cents: 990 },
    ];
  },
);

const total = task({ name: "total" }, async (orders: readonly Order[]) =>
  orders.reduce((sum, order) => sum + order.cents, 0),
);

const nightly = flow(
  {
    name: "nightly",
    tags: ["nightly", "orders"],
    timeoutSeconds: 600,
    onCompletion: [notify(channel, { template: "run-completed" })],
    onFailure: [notify(channel, { template: "run-failed", severity: "error" })],
    onCrashed: [notify(channel, { template: "run-crashed", severity: "critical" })],
  },
  async (date: string) => {
    const cents = await total(await extract(date));
    console.log(`${runtime.flowRun.name}: ${(cents / 100).toFixed(2)}`);
    return cents;
  },
);

await nightly(day);
