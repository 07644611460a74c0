/** The page's unit tests. The parser is imported from where Django serves it; here it is npm's own. */

import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "../../eventsource-parser/index.js": "eventsource-parser" } },
  test: {
    include: ["tests/js/**/*.test.js"],
    pool: "threads", // a process for each file takes a sixth more of the processor
    restoreMocks: true,
    unstubGlobals: true,
    testTimeout: 30_000,
    // An adversary's messages are such that the SDK complains; in the page it is silent.
    onConsoleLog: (said) => !said.includes("Ably: WireMessage.decode()"),
  },
});
