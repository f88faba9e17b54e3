/** A browser for tests that open several pages of it. */
import { CHROMIUM_NEEDS, launchChromium } from "./chromium.ts";
import type { PeerTestOptions } from "./peers.ts";

/**
 * What a test with a browser says to `peerTest`: its needs, and sanitizers off, since the driver keeps a process and
 * timers of its own.
 */
export const BROWSER_TEST: PeerTestOptions = {
  needs: CHROMIUM_NEEDS,
  test: { sanitizeOps: false, sanitizeResources: false },
};

export { launchChromium as openBrowser };
