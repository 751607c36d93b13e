import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import type { HubEvent } from "../../src/events/event.ts";
import type { StoreOpener } from "../support/store-fixture.ts";
import { START_MICROS } from "../support/store-records.ts";

const anEvent = (values: Partial<HubEvent> = {}): HubEvent => ({
  id: newId(),
  occurredMicros: START_MICROS,
  event: "bellhop.destination.failing",
  resource: { "prefect.resource.id": "bellhop.destination.slack-webhook/ops" },
  payload: { since: "2026-01-01T00:00:00Z", failures: 5 },
  ...values,
});

/** What every event store must do. */
export function eventStoreSuite(open: StoreOpener): void {
  describe("events", () => {
    it("read back as they were, in commit order across processes", async () => {
      await using fixture = await open();
      const beside = await fixture.beside();
      const written = [anEvent({ occurredMicros: START_MICROS + 9 }), anEvent(), anEvent()];
      const [first, second, third] = written;
      if (first === undefined || second === undefined || third === undefined) throw new Error("three are needed");
      await fixture.store.events.append([first]);
      await beside.events.append([second]);
      await fixture.store.events.append([third]);

      const read = await beside.events.read();

      expect(read).toEqual(written.map((event) => ({ ...event, seq: expect.any(Number) })));
      expect(read.map((event) => event.seq)).toEqual(read.map((event) => event.seq).toSorted((a, b) => a - b));
      expect(await fixture.store.events.lastSeq()).toBe(read.at(-1)?.seq);
    });

    it("happen once, however often they are told", async () => {
      await using fixture = await open();
      const { events } = fixture.store;
      const event = anEvent();

      await events.append([event, { ...event, payload: { since: null } }]);
      await events.append([event]);

      expect(await events.read()).toMatchObject([{ payload: event.payload }]);
    });

    it("are read from a cursor on, by name, in pages", async () => {
      await using fixture = await open();
      const { events } = fixture.store;
      const names = ["bellhop.delivery.dead", "bellhop.destination.failing", "bellhop.delivery.dead"] as const;
      await events.append(names.map((event) => anEvent({ event })));

      const [first] = await events.read({ limit: 1 });
      const rest = await events.read({ afterSeq: first?.seq ?? 0 });
      const dead = await events.read({ events: ["bellhop.delivery.dead"] });

      expect(first?.event).toBe("bellhop.delivery.dead");
      expect(rest.map((event) => event.event)).toEqual(names.slice(1));
      expect(dead).toHaveLength(2);
      expect(await events.read({ afterSeq: await events.lastSeq() })).toEqual([]);
    });

    it("are none in a new store", async () => {
      await using fixture = await open();
      expect(await fixture.store.events.read()).toEqual([]);
      expect(await fixture.store.events.lastSeq()).toBe(0);
      await fixture.store.events.append([]);
    });
  });
}
