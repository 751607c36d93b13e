import { describe, expect, it } from "vitest";
import { maskArguments } from "../../src/cli/exec/arguments.ts";

describe("a command line as it is stored", () => {
  it.each([
    ["a value after an equals sign", ["x", "--password=hunter2"], ["x", "--password=********"]],
    ["a value in the next word", ["x", "--api-key", "k-123", "go"], ["x", "--api-key", "********", "go"]],
    ["an assignment", ["env", "PGPASSWORD=p w", "psql"], ["env", "PGPASSWORD=********", "psql"]],
    ["a property", ["java", "-Ddb.password=x"], ["java", "-Ddb.password=********"]],
    ["a header", ["curl", "-H", "Authorization: Bearer abc"], ["curl", "-H", "Authorization: ********"]],
    ["a login in a URL", ["pg_dump", "postgres://me:s3c@ret@db/x"], ["pg_dump", "postgres://me:********@db/x"]],
    ["a user of curl", ["curl", "-u", "me:s3cret", "http://x"], ["curl", "-u", "me:********", "http://x"]],
  ])("masks %s", (_, words, shown) => {
    expect(maskArguments(words).shown).toEqual(shown);
    expect(maskArguments(words).secrets).toHaveLength(1);
  });

  it.each([
    ["ordinary options", ["rsync", "-av", "--exclude=*.tmp", "a/", "b:/c"]],
    ["a secret option that is followed by another option", ["x", "--password", "--force"]],
    ["a URL without a login", ["curl", "https://example.org:8080/a@b"]],
    ["a user without a password", ["ssh", "-u", "me"]],
  ])("leaves %s as they are", (_, words) => {
    expect(maskArguments(words)).toEqual({ shown: words, secrets: [] });
  });
});
