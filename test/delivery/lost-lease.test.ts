import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import type { Outcome } from "../../src/channel/outcome.ts";
import { DELIVERED, finish, openRig } from "./rig.ts";

describe("a process that was taken for dead while it sent", () => {
  it("sends nothing more of what it had claimed, so that nothing overtakes what others send again", async () => {
    await using rig = await openRig();
    const [leaseId, answer] = [newId(), Promise.withResolvers<Outcome>()];
    const dispatcher = rig.start({ leaseId, answer: () => (rig.sent.length === 1 ? answer.promise : DELIVERED) });
    const [earlier, later] = await rig.enqueue({ subject: "s" }, { subject: "s" });
    await rig.clock.until(() => rig.sent.length === 1);

    await rig.outbox.recover(leaseId, rig.clock.now());
    answer.resolve(DELIVERED);
    await finish(dispatcher.drain({ deadlineMs: 10_000 }), rig.clock);

    expect(rig.sent.map(({ id }) => id)).toEqual([earlier, earlier, later]);
    expect(await rig.read(earlier)).toMatchObject({ status: "delivered", uncertain: true });
  });

  it("goes on with its other destinations only by claiming anew", async () => {
    await using rig = await openRig();
    const [leaseId, answer] = [newId(), Promise.withResolvers<Outcome>()];
    const waits = ({ attempt }: { readonly attempt: number }) => (attempt === 1 ? answer.promise : DELIVERED);
    const dispatcher = rig.start({ leaseId, answer: waits });
    const wanted = ["test/a", "test/b"].flatMap((destination) => [
      { destination, subject: "s" },
      { destination, subject: "s" },
    ]);
    const ids = await rig.enqueue(...wanted);
    await rig.clock.until(() => rig.sent.length === 2);

    await rig.outbox.recover(leaseId, rig.clock.now());
    answer.resolve(DELIVERED);
    await finish(dispatcher.drain({ deadlineMs: 10_000 }), rig.clock);

    const sentTo = (destination: string) => rig.sent.filter((each) => each.destination === destination);
    for (const [at, destination] of ["test/a", "test/b"].entries())
      expect(sentTo(destination).map(({ id }) => id)).toEqual([ids[2 * at], ids[2 * at], ids[2 * at + 1]]);
  });
});
