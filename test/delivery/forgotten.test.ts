import { expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import type { OutboxStore } from "../../src/delivery/outbox-store.ts";
import { finish, openRig } from "./rig.ts";

const lost = () => Promise.reject(new Error("the connection to the store broke"));

it("sends deliveries whose claim took effect although its answer was lost", async () => {
  await using rig = await openRig();
  let isFirst = true;
  const outbox: OutboxStore = {
    ...rig.outbox,
    claim: async (request) => {
      const claimed = await rig.outbox.claim(request);
      if (!isFirst) return claimed;
      isFirst = false;
      return lost();
    },
  };
  const [id] = await rig.enqueue({});
  const dispatcher = rig.start({ outbox });
  await rig.clock.advance(5_000);
  expect(await rig.read(id)).toMatchObject({ status: "sending", attempts: 0 });

  await rig.clock.advance(30_000);
  // As the sweeper does from time to time.
  await finish(dispatcher.rescan(), rig.clock);
  await rig.clock.advance(1_000);

  expect(await rig.read(id)).toMatchObject({ status: "delivered", attempts: 1, uncertain: false });
});

it("leaves alone what it is sending, and what another process holds", async () => {
  await using rig = await openRig();
  const leaseId = newId();
  const answer = () => new Promise<never>(() => undefined);
  const [own, other] = await rig.enqueue({ destination: "test/a" }, { destination: "test/b" });
  await rig.outbox.claim({ destination: "test/b", leaseId: newId(), nowMs: rig.clock.now(), limit: 1 });
  const dispatcher = rig.start({ leaseId, answer });
  await rig.clock.advance(31_000);
  await finish(dispatcher.rescan(), rig.clock);

  expect(rig.sent.map(({ id }) => id)).toEqual([own]);
  for (const id of [own, other]) expect(await rig.read(id)).toMatchObject({ status: "sending" });
});
