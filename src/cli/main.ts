#!/usr/bin/env node
// The entry of the command. This file must parse on any Node with ES modules: nothing newer than a dynamic import may
// stand in it before the version is known to be good.
import * as nodeModule from "node:module";

/** Oldest release that has everything used below: node:sqlite without a flag, and type stripping in development. */
const NEEDED = { major: 24, minor: 15 };

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const tooOld = major < NEEDED.major || (major === NEEDED.major && minor < NEEDED.minor);

if (tooOld) {
  process.stderr.write(
    "bellhop needs Node " +
      NEEDED.major +
      "." +
      NEEDED.minor +
      " or newer; this is Node " +
      process.versions.node +
      " (" +
      process.execPath +
      ").\n" +
      'In a project that has "node" among its devDependencies, npx bellhop … uses that one. Else see https://nodejs.org/en/download.\n',
  );
  process.exitCode = 1;
} else {
  if (typeof nodeModule.enableCompileCache === "function") nodeModule.enableCompileCache();
  const words = process.argv.slice(2);
  if (words.length === 1 && (words[0] === "--version" || words[0] === "-v" || words[0] === "-V")) {
    void import("../base/version.ts").then((version) => process.stdout.write(version.VERSION + "\n"));
  } else {
    void import("./process.ts").then((cli) => cli.runProcess(words, process.env));
  }
}
