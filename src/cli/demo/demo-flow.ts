import { flow } from "../../flow.ts";
import { notify } from "../../hooks/notify.ts";
import { task } from "../../task.ts";
import type { State } from "../../states/state.ts";

export const SLACK = "slack-webhook/demo";
export const MAIL = "email-smtp/demo";

/** Long enough to be seen. */
const RETRY_DELAY_SECONDS = 1;

/** What the screen prints as the flow's definition: the code below, without the parts that only watch. */
export const DEMO_SOURCE = [
  'const fetchOrders = task({ name: "fetch-orders" }, async () => {',
  '  throw new Error("supplier.example answered 503");',
  "});",
  'flow({ name: "nightly-orders", retries: 1, retryDelaySeconds: 1,',
  `  onRetry:   [notify("${SLACK}")],`,
  `  onFailure: [notify("${SLACK}"), notify("${MAIL}")],`,
  "}, async () => { await fetchOrders(); });",
];

/** Called after each state is stored, like any function hook. */
export type Watch = (object: "flow" | "task", name: string, state: State) => void;

/** A flow that fails, retries once and fails again, as anybody would write it. */
export function demoFlow(watch: Watch) {
  const watchTask = (_task: unknown, _run: unknown, state: State): void => watch("task", "fetch-orders", state);
  const watchFlow = (_flow: unknown, _run: unknown, state: State): void => watch("flow", "nightly-orders", state);
  const fetchOrders = task({ name: "fetch-orders", onRunning: [watchTask], onFailure: [watchTask] }, async () => {
    throw new Error("supplier.example answered 503");
  });
  return flow(
    {
      name: "nightly-orders",
      tags: ["demo"],
      retries: 1,
      retryDelaySeconds: RETRY_DELAY_SECONDS,
      onRunning: [watchFlow],
      onRetry: [watchFlow, notify(SLACK)],
      onFailure: [watchFlow, notify(SLACK), notify(MAIL)],
    },
    async () => {
      await fetchOrders();
    },
  );
}
