import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { FileChange, SystemCall } from "./system-calls.ts";

/** The unit that a disk writes whole or not at all, bytes. */
const SECTOR = 512;

/**
 * What becomes of what was not flushed, when the power goes: all of it is lost, all of it was on the disk by chance, or
 * of each write all, nothing or some sectors, in no order.
 */
export type Survival = "nothing" | "everything" | "some";

interface File {
  readonly flushed: Image;
  readonly pending: FileChange[];
  /** Flushes under way: how much of `pending` each of them takes, by thread. */
  readonly flushing: Map<string, number>;
}

/** Names in a folder are flushed with the folder, not with what they name. */
interface Folder {
  readonly flushed: Map<string, File | Folder>;
  readonly pending: { readonly name: string; readonly node: File | Folder | null }[];
  readonly flushing: Map<string, number>;
}

const newFile = (): File => ({
  flushed: { bytes: Buffer.alloc(0), size: 0 },
  pending: [],
  flushing: new Map(),
});
const newFolder = (): Folder => ({ flushed: new Map(), pending: [], flushing: new Map() });
const isFolder = (node: File | Folder | null | undefined): node is Folder => node != null && !("bytes" in node.flushed);

/** Content of a file. Grows like one: what was never written is zeros. */
interface Image {
  bytes: Buffer;
  size: number;
}

function resize(image: Image, size: number): void {
  if (size > image.bytes.length) {
    const larger = Buffer.alloc(Math.max(size, image.bytes.length * 2));
    image.bytes.copy(larger, 0, 0, image.size);
    image.bytes = larger;
  } else if (size < image.size) image.bytes.fill(0, size, image.size);
  image.size = size;
}

function apply(image: Image, change: FileChange): void {
  if (change.call === "truncate") return resize(image, change.size);
  const offset = change.call === "append" ? image.size : change.offset;
  resize(image, Math.max(image.size, offset + change.bytes.length));
  change.bytes.copy(image.bytes, offset);
}

/** The parts of a write that lie in different sectors. */
function* sectors(change: Extract<FileChange, { call: "write" }>): Generator<FileChange> {
  const { offset, bytes } = change;
  for (let from = offset; from < offset + bytes.length;) {
    const to = Math.min(offset + bytes.length, (Math.floor(from / SECTOR) + 1) * SECTOR);
    yield { ...change, offset: from, bytes: bytes.subarray(from - offset, to - offset) };
    from = to;
  }
}

/**
 * A disk with a cache that is lost with the power. It is given the system calls of a process, and keeps apart what was
 * flushed (`fsync` of the file; of the folder, for names) and what was not yet.
 */
export class UnflushedDisk {
  readonly #path: string;
  readonly #root = newFolder();

  /** @param path Of the folder; it is there, empty and flushed, in the beginning. */
  constructor(path: string) {
    this.#path = path;
  }

  take(call: SystemCall): void {
    switch (call.call) {
      case "say":
        return;
      case "create":
        if (this.#find(call.path) === undefined) this.#name(call.path, newFile());
        return;
      case "make-folder":
        return this.#name(call.path, newFolder());
      case "link":
        return this.#name(call.path, this.#get(call.target));
      case "remove":
        return this.#name(call.path, null);
      case "sync-begins": {
        const { flushing, pending } = this.#get(call.path);
        return void flushing.set(call.thread, pending.length);
      }
      case "sync":
        return flush(this.#get(call.path), call.thread);
      default: {
        const file = this.#get(call.path);
        if (!isFolder(file)) file.pending.push(call);
      }
    }
  }

  /** Writes what is on the disk when the power goes now. */
  cutTo(folder: string, survival: Survival, random: () => number): void {
    this.#write(this.#root, folder, survival, random);
  }

  #find(path: string): File | Folder | undefined {
    let node: File | Folder | undefined = this.#root;
    for (const name of relative(this.#path, path).split("/").filter(Boolean)) {
      if (!isFolder(node)) return undefined;
      node = lookUp(node, name);
    }
    return node;
  }

  #get(path: string): File | Folder {
    const node = this.#find(path);
    if (node === undefined) throw new Error(`${path} was used and is not there`);
    return node;
  }

  #name(path: string, node: File | Folder | null): void {
    const folder = this.#find(dirname(path));
    if (isFolder(folder)) folder.pending.push({ name: basename(path), node });
  }

  #write(folder: Folder, path: string, survival: Survival, random: () => number): void {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const names = new Map(folder.flushed);
    for (const name of new Set(folder.pending.map((change) => change.name))) {
      const changes = folder.pending.filter((change) => change.name === name);
      // A name goes from one meaning to the next; those of different names are independent.
      const kept = { nothing: 0, everything: changes.length, some: Math.floor(random() * (changes.length + 1)) };
      for (const { node } of changes.slice(0, kept[survival])) setName(names, name, node);
    }
    for (const [name, node] of names) {
      if (isFolder(node)) this.#write(node, join(path, name), survival, random);
      else writeFileSync(join(path, name), contentOf(node, survival, random), { mode: 0o600 });
    }
  }
}

/** As the process sees it. */
function lookUp(folder: Folder, name: string): File | Folder | undefined {
  const latest = folder.pending.findLast((change) => change.name === name);
  return latest === undefined ? folder.flushed.get(name) : (latest.node ?? undefined);
}

/** What was written after the flush began is not part of it. */
function flush(node: File | Folder, thread: string): void {
  const count = node.flushing.get(thread) ?? 0;
  node.flushing.delete(thread);
  if (isFolder(node))
    for (const { name, node: named } of node.pending.splice(0, count)) setName(node.flushed, name, named);
  else for (const change of node.pending.splice(0, count)) apply(node.flushed, change);
  // Of what others are flushing, this much is done.
  for (const [other, taken] of node.flushing) node.flushing.set(other, Math.max(0, taken - count));
}

function setName(names: Map<string, File | Folder>, name: string, node: File | Folder | null): void {
  if (node === null) names.delete(name);
  else names.set(name, node);
}

function contentOf({ flushed, pending }: File, survival: Survival, random: () => number): Buffer {
  if (survival === "nothing" || pending.length === 0) return flushed.bytes.subarray(0, flushed.size);
  const image = { bytes: Buffer.from(flushed.bytes), size: flushed.size };
  for (const change of pending) {
    const chance = survival === "everything" ? 0 : random();
    if (chance < 0.4) apply(image, change);
    else if (chance < 0.6 && change.call === "write")
      for (const part of sectors(change)) if (random() < 0.5) apply(image, part);
  }
  return image.bytes.subarray(0, image.size);
}
