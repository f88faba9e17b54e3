/** Debian's Chromium, driven by playwright-core, for tests of pages. */
import { type Browser, chromium } from "playwright-core";
import type { PeerTestOptions } from "./peers.ts";

/** The browser's path. */
export const CHROMIUM = "/usr/bin/chromium";

/**
 * What a test with a browser says to `peerTest`: its needs, and sanitizers off, since the driver keeps a process and
 * timers of its own.
 */
export const BROWSER_TEST: PeerTestOptions = {
  needs: [CHROMIUM, "npm:playwright-core"],
  test: { sanitizeOps: false, sanitizeResources: false },
};

/** Starts the browser; closed at the end of the block. */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
