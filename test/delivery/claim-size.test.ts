import { expect, it } from "vitest";
import type { OpenDestination } from "../../src/delivery/attempt.ts";
import { mostClaimed } from "../../src/delivery/claim-size.ts";

const opened = (profile: OpenDestination["profile"]): OpenDestination => ({
  profile,
  rate: null,
  attempt: () => Promise.reject(new Error("not sent here")),
});

it.each([
  { destinations: 1, most: 256 },
  { destinations: 2, most: 128 },
  { destinations: 3, most: 96 },
  { destinations: 64, most: 96 },
  { destinations: 128, most: 48 },
  { destinations: 1_024, most: 16 },
])("claims up to $most of each of $destinations destinations", ({ destinations, most }) => {
  expect(mostClaimed(opened("webhook"), { out: 0, destinations })).toBe(most);
  expect(mostClaimed(undefined, { out: 0, destinations })).toBe(most);
});

it("claims one round of attempts where a message that may have arrived is not sent again", () => {
  expect(mostClaimed(opened("sms"), { out: 0, destinations: 1 })).toBe(16);
});
