import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** A change of what is in a file. */
export type FileChange =
  | { readonly call: "write"; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly call: "append"; readonly path: string; readonly bytes: Buffer }
  | { readonly call: "truncate"; readonly path: string; readonly size: number };

/** What a process did to its files, and said on file descriptor 1, in the order in which it did. */
export type SystemCall =
  | { readonly call: "create" | "make-folder" | "remove"; readonly path: string }
  /** A flush begins, which puts on the disk what was written until now; and it ends, with this promise. */
  | { readonly call: "sync-begins" | "sync"; readonly path: string; readonly thread: string }
  | { readonly call: "link"; readonly path: string; readonly target: string }
  | FileChange
  | { readonly call: "say"; readonly text: string };

/** Everything that can change a file or its name. Those with a question mark do not exist on every processor. */
const TRACED = [
  "?open,openat,?creat,write,writev,pwrite64,pwritev,pwritev2,mmap,sendfile,copy_file_range",
  "fsync,fdatasync,sync_file_range,ftruncate,truncate,fallocate",
  "?rename,?renameat,renameat2,?link,linkat,symlinkat,?unlink,unlinkat,?mkdir,mkdirat",
].join(",");

/** Longer than anything that is written at once, bytes. */
const LONGEST_WRITE = 1_048_576;

export function canTrace(): boolean {
  try {
    execFileSync("strace", ["-f", "-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false; // not installed, or a container that forbids ptrace
  }
}

const hex = (text: string): string =>
  Buffer.from(text)
    .toString("hex")
    .replaceAll(/../g, String.raw`\x$&`);
const bytesOf = (escaped: string): Buffer => Buffer.from(escaped.replaceAll(String.raw`\x`, ""), "hex");

const UNFINISHED = " <unfinished ...>";

/** A flush that ends with success, as a line. */
const BEGINS = ") = 0 begins";

/**
 * Lines of the trace, each a whole call: one that another thread interrupted stands where it ended. A flush has a line
 * where it begins as well.
 */
function* wholeLines(trace: string): Generator<string> {
  const begun = new Map<string, string>();
  for (const line of trace.split("\n")) {
    const thread = line.slice(0, line.indexOf(" "));
    const [, rest] = / resumed>(.*)$/.exec(line.includes("<... ") ? line : "") ?? [];
    if (line.endsWith(UNFINISHED)) {
      const beginning = line.slice(0, -UNFINISHED.length);
      begun.set(thread, beginning);
      if (isSync(beginning)) yield beginning + BEGINS;
    } else if (rest !== undefined) yield `${begun.get(thread) ?? ""}${rest}`;
    else {
      if (isSync(line)) yield line.replace(/\) += -?\d+.*$/, BEGINS);
      yield line;
    }
  }
}

const isSync = (line: string): boolean => /^\d+ +f(data)?sync\(/.test(line);

/** Undefined when it changes nothing that a loss of power leaves. @throws for a call whose meaning is not known here */
function toCall(name: string, args: string, result: number): SystemCall | undefined {
  const [, ofDescriptor] = /(?:^|, )\d+<([^>]*)>/.exec(args) ?? [];
  const [, quoted = ""] = /"([^"]*)"/.exec(args) ?? [];
  const path = bytesOf(ofDescriptor ?? quoted).toString();
  const [, last = "NaN"] = /, (\d+)$/.exec(args) ?? [];
  // SQLite makes the index of the log anew when nobody else has the database open.
  if (path.endsWith("-shm")) return undefined;
  switch (name) {
    case "open":
    case "openat":
      // With O_EXCL it is new, and there is nothing to cut off.
      if (args.includes("O_TRUNC") && !args.includes("O_EXCL")) break;
      return args.includes("O_CREAT") ? { call: "create", path } : undefined;
    case "mkdir":
    case "mkdirat":
      return { call: "make-folder", path };
    case "unlink":
    case "unlinkat":
      return { call: "remove", path };
    case "ftruncate":
      return { call: "truncate", path, size: Number(last) };
    case "link":
    case "linkat": {
      const [, target = ""] = /"[^"]*".*"([^"]*)"/.exec(args) ?? [];
      return { call: "link", path: bytesOf(target).toString(), target: path };
    }
    case "write":
      // The files written to like this are new, and written from their beginning.
      return { call: "append", path, bytes: bytesOf(quoted).subarray(0, result) };
    case "pwrite64":
      return { call: "write", path, offset: Number(last), bytes: bytesOf(quoted).subarray(0, result) };
    case "mmap":
      if (!args.includes("MAP_SHARED") || !args.includes("PROT_WRITE")) return undefined;
  }
  throw new Error(`not known what ${name} does to ${path}`);
}

function parse(trace: string, folder: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const inFolder = hex(folder);
  for (const line of wholeLines(trace)) {
    const isSaid = line.includes(" write(1<");
    if (!isSaid && !line.includes(inFolder)) continue;
    const [, name = "", args = "", result = "-1"] = /^\d+ +(\w+)\((.*)\) += (-?\d+)/.exec(line) ?? [];
    if (Number(result) < 0) continue;
    if (isSync(line)) {
      const [, descriptor = ""] = /<([^>]*)>/.exec(args) ?? [];
      const call = line.endsWith(BEGINS) ? "sync-begins" : "sync";
      calls.push({ call, path: bytesOf(descriptor).toString(), thread: line.slice(0, line.indexOf(" ")) });
    } else if (isSaid) calls.push({ call: "say", text: bytesOf(/"([^"]*)"/.exec(args)?.[1] ?? "").toString() });
    else {
      const call = toCall(name, args, Number(result));
      if (call !== undefined) calls.push(call);
    }
  }
  return calls;
}

/** Runs a program of Node.js to its end; returns what it did to everything below `folder`. */
export async function traceCalls(folder: string, program: readonly string[]): Promise<SystemCall[]> {
  const output = join(folder, "..", "trace");
  const options = [
    "-f",
    "--seccomp-bpf",
    "-y",
    "-xx",
    "-s",
    String(LONGEST_WRITE),
    "-e",
    `trace=${TRACED}`,
    "-o",
    output,
  ];
  await promisify(execFile)("strace", [...options, process.execPath, ...program]);
  return parse(readFileSync(output, "latin1"), folder);
}
