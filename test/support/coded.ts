import { BellhopError } from "../../src/base/errors.ts";

const ours = (thrown: unknown): BellhopError => {
  if (BellhopError.is(thrown)) return thrown;
  throw thrown;
};

/** The coded error that `fn` throws; anything else fails the test. */
export function coded(fn: () => unknown): BellhopError {
  try {
    fn();
  } catch (error) {
    return ours(error);
  }
  throw new Error("nothing was thrown");
}

/** The coded error that the promise rejects with; anything else fails the test. */
export async function rejected(promise: Promise<unknown>): Promise<BellhopError> {
  return promise.then(() => {
    throw new Error("nothing was thrown");
  }, ours);
}
