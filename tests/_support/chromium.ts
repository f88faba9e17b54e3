// Debian's Chromium, driven by playwright-core.
import { type Browser, chromium, type Page } from "playwright-core";
import type { PeerNeed } from "./peers.ts";

/** Where Debian puts it. */
const CHROMIUM = "/usr/bin/chromium";

/** What a `peerTest` in Chromium needs. */
export const CHROMIUM_NEEDS: readonly (string | PeerNeed)[] = [CHROMIUM, "npm:playwright-core"];

/** A browser with one page; disposing it ends the browser. */
export interface RunningChromium extends AsyncDisposable {
  readonly browser: Browser;
  readonly page: Page;
  /** What the page wrote to its console as errors, and the exceptions that nobody caught. */
  readonly errors: string[];
}

/** Options of {@linkcode startChromium}. */
export interface StartChromiumOptions {
  /** The size of the page, in CSS pixels. */
  viewport?: { width: number; height: number };
  /** Device pixels for one CSS pixel. @default {1} */
  deviceScaleFactor?: number;
  /** Whether certificates of unknown authorities do. @default {false} */
  ignoreHTTPSErrors?: boolean;
  /** @default {"light"} */
  colorScheme?: "light" | "dark";
}

/** Starts Chromium without a page; the tests end it themselves. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
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
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

/** Starts Chromium with a blank page. */
export async function startChromium(
  { viewport = { width: 1000, height: 700 }, ...options }: StartChromiumOptions = {},
): Promise<RunningChromium> {
  const browser = await launchChromium();
  try {
    const context = await browser.newContext({ viewport, ...options });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    return { browser, page, errors, [Symbol.asyncDispose]: () => browser.close() };
  } catch (error) {
    await browser.close();
    throw error;
  }
}
