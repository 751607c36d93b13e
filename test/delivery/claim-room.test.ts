import { expect, it } from "vitest";
import { ManualClock } from "../support/manual-clock.ts";
import { finish, openRig, scriptedDeliver } from "./rig.ts";

/** Fails where time is asked for again and again without ever passing, which would keep the process from anything else. */
class ImpatientClock extends ManualClock {
  #asked = 0;
  #atMs = -1;

  override now(): number {
    const atMs = this.monotonic();
    this.#asked = atMs === this.#atMs ? this.#asked + 1 : 0;
    this.#atMs = atMs;
    if (this.#asked > 50_000) throw new Error("goes round in circles");
    return super.now();
  }
}

it("claims no more than it may hold of a destination whose messages are not sent twice, and waits for room", async () => {
  await using rig = await openRig();
  const clock = new ImpatientClock();
  const wanted = Array.from({ length: 60 }, (_, index) => ({ subject: `s/${index}` }));
  await rig.enqueue(...wanted);
  const answers: (() => void)[] = [];
  const answer = () =>
    new Promise<{ kind: "delivered" }>((resolve) => answers.push(() => resolve({ kind: "delivered" })));
  const dispatcher = rig.start({ clock, deliver: scriptedDeliver(clock, rig.sent, { profile: "sms", answer }) });
  await clock.settle(20);
  expect(rig.sent).toHaveLength(16);
  // Those that are out, and at most as many that wait behind them.
  expect((await rig.outbox.list({ status: ["sending"], limit: 100 })).length).toBeLessThanOrEqual(32);
  while (answers.length > 0) {
    for (const give of answers.splice(0)) give();
    await clock.advance(10);
  }
  expect(rig.sent).toHaveLength(60);
  await finish(dispatcher[Symbol.asyncDispose](), clock);
});
