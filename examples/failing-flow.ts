// A flow that fails, retries once, fails again, and tells a channel. The notification is stored in the same
// transaction as the Failed state, so it is sent even if this process dies right after.
//
//   npm run bellhop -- block save slack-webhook/ops
//   npx node -C bellhop-source examples/failing-flow.ts                  tells slack-webhook/ops
//   npx node -C bellhop-source examples/failing-flow.ts inbox/dev        tells another block
import { flow, notify, task } from "bellhop";

const channel = process.argv[2] ?? "slack-webhook/ops";

const fetchOrders = task({ name: "fetch-orders" }, async (): Promise<number> => {
  throw new Error("the supplier's server answered 503");
});

const nightlyOrders = flow(
  { name: "nightly-orders", retries: 1, retryDelaySeconds: 1, tags: ["example"], onFailure: [notify(channel)] },
  async () => {
    const orders = await fetchOrders();
    console.log(`${orders} orders`);
  },
);

const state = await nightlyOrders.run([], { returnState: true });
console.log(String(state));
