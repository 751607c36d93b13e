import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { VERSION } from "../../base/version.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** Anything that others may do with the folder. */
const OTHERS = 0o077;

/** Node is new enough, or this file could not have been loaded; the line says which one is in use. */
export const checkRuntime = (): Finding =>
  ok("runtime", `Bellhop ${VERSION} on Node ${process.versions.node} (${process.platform} ${process.arch})`);

/** The folder of store and key: there, writable, and closed to other users. `null` when it does not exist yet. */
export async function checkHome(home: string): Promise<{ readonly exists: boolean; readonly finding: Finding }> {
  const stats = await stat(home).catch(() => null);
  if (stats === null)
    return { exists: false, finding: ok("home", `${home} does not exist yet; it is made on first use`) };
  if (!stats.isDirectory())
    return {
      exists: false,
      finding: fail("home", `${home} is not a folder`, "Set BELLHOP_HOME to a folder, or move the file away."),
    };
  const writable = await access(home, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!writable)
    return {
      exists: false,
      finding: fail(
        "home",
        `${home} cannot be written by this user`,
        "Correct its owner or permissions, or set BELLHOP_HOME.",
      ),
    };
  // Windows has no such bits; its folders inherit the profile's access list.
  if (process.platform !== "win32" && (stats.mode & OTHERS) !== 0) {
    return {
      exists: true,
      finding: warn("home", `${home} is open to other users of this machine`, `Close it: chmod 700 ${home}`),
    };
  }
  return { exists: true, finding: ok("home", `${home} is writable, and closed to others`) };
}
