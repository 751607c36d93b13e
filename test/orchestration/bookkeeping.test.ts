import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advance, type Bookkeeping, UNTOUCHED } from "../../src/orchestration/bookkeeping.ts";
import { isFinalType, State } from "../../src/states/state.ts";
import { StateType } from "../../src/states/state-type.ts";

const at = (type: StateType, timestampMicros: number, scheduledTime?: Date): State =>
  new State({ type, timestampMicros, ...(scheduledTime === undefined ? {} : { stateDetails: { scheduledTime } }) });

/** The books after each of these states, entered one after the other. */
function walk(states: readonly State[]): Bookkeeping[] {
  const all: Bookkeeping[] = [];
  let books = UNTOUCHED;
  states.forEach((state, index) => {
    books = advance(books, states[index - 1] ?? null, state);
    all.push(books);
  });
  return all;
}

const last = (states: readonly State[]): Bookkeeping => walk(states).at(-1) ?? UNTOUCHED;

const histories = fc
  .array(
    fc.record({ type: fc.constantFrom(...StateType.options), afterMicros: fc.integer({ min: 1, max: 10_000_000 }) }),
    { minLength: 1 },
  )
  .map((steps) => {
    let now = 1_000_000_000;
    return steps.map(({ type, afterMicros }) =>
      at(type, (now += afterMicros), type === "SCHEDULED" ? new Date(5_000_000) : undefined),
    );
  });

describe("the books of a run", () => {
  it("follow a run that fails, waits and succeeds", () => {
    const due = new Date(5);

    const books = last([
      at("PENDING", 100),
      at("RUNNING", 200),
      at("SCHEDULED", 500, due),
      at("RUNNING", 5_000),
      at("COMPLETED", 5_700),
    ]);

    expect(books).toEqual({
      runCount: 2,
      expectedStartMicros: 100,
      nextScheduledStartMicros: null,
      startMicros: 200,
      endMicros: 5_700,
      totalRunTimeMicros: 1_000,
    });
  });

  it("expect a scheduled run at its time, and keep that when it starts late", () => {
    const books = walk([at("SCHEDULED", 100, new Date(7)), at("PENDING", 9_000), at("RUNNING", 9_100)]);

    expect(books.map(({ expectedStartMicros }) => expectedStartMicros)).toEqual([7_000, 7_000, 7_000]);
    expect(books.map(({ nextScheduledStartMicros }) => nextScheduledStartMicros)).toEqual([7_000, null, null]);
  });

  it("start and end a run that never ran at the same instant", () => {
    expect(last([at("PENDING", 100), at("FAILED", 300)])).toMatchObject({
      startMicros: 300,
      endMicros: 300,
      runCount: 0,
      totalRunTimeMicros: 0,
    });
  });

  it("forget the end of a run that goes on, and keep it from final to final", () => {
    expect(last([at("RUNNING", 1), at("FAILED", 2), at("RUNNING", 3)]).endMicros).toBeNull();
    expect(last([at("RUNNING", 1), at("FAILED", 2), at("COMPLETED", 3)]).endMicros).toBe(2);
  });

  it("do not count a resume as an attempt", () => {
    const paused = at("PAUSED", 2);

    expect(advance({ ...UNTOUCHED, runCount: 1 }, paused, at("RUNNING", 3), true).runCount).toBe(1);
  });

  it("count every entry into running", () => {
    fc.assert(
      fc.property(histories, (states) => {
        expect(last(states).runCount).toBe(states.filter(({ type }) => type === "RUNNING").length);
      }),
    );
  });

  it("never move the expected start, nor a start once it is set", () => {
    fc.assert(
      fc.property(histories, (states) => {
        const books = walk(states);

        expect(new Set(books.map(({ expectedStartMicros }) => expectedStartMicros)).size).toBe(1);
        expect(
          new Set(books.map(({ startMicros }) => startMicros).filter((start) => start !== null)).size,
        ).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("have an end exactly while the run is final, and never before the start", () => {
    fc.assert(
      fc.property(histories, (states) => {
        walk(states).forEach(({ endMicros, startMicros }, index) => {
          expect(endMicros !== null).toBe(isFinalType(states[index]?.type ?? "PENDING"));
          expect(endMicros ?? Infinity).toBeGreaterThanOrEqual(startMicros ?? 0);
        });
      }),
    );
  });

  it("add up the time spent running, which never exceeds the time that passed", () => {
    fc.assert(
      fc.property(histories, (states) => {
        const running = states.reduce((sum, state, index) => {
          const next = states[index + 1];
          return state.type === "RUNNING" && next !== undefined
            ? sum + next.timestampMicros - state.timestampMicros
            : sum;
        }, 0);

        const { totalRunTimeMicros } = last(states);

        expect(totalRunTimeMicros).toBe(running);
        expect(totalRunTimeMicros).toBeLessThanOrEqual(
          (states.at(-1)?.timestampMicros ?? 0) - (states[0]?.timestampMicros ?? 0),
        );
      }),
    );
  });
});
