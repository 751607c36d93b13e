import { defineConfig } from "vitest/config";

const resolve = { conditions: ["bellhop-source", "node", "import", "module", "default"] };

export default defineConfig({
  test: {
    setupFiles: ["test/support/setup.ts"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // The default leaves one core to the person who waits; half of the tests wait for processes anyway.
    maxWorkers: "100%",
    projects: [
      {
        extends: true,
        resolve,
        ssr: { resolve },
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.process.test.ts", "test/simulator/**"],
          isolate: false,
        },
      },
      {
        extends: true,
        resolve,
        ssr: { resolve },
        // Minutes of virtual days: run by `npm run simulate`.
        test: { name: "simulator", include: ["test/simulator/*.test.ts"], testTimeout: 120_000 },
      },
      {
        extends: true,
        resolve,
        ssr: { resolve },
        test: { name: "process", include: ["test/**/*.process.test.ts"], pool: "forks", testTimeout: 60_000 },
      },
    ],
  },
});
