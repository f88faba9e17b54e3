import { assertEquals, assertRejects } from "@std/assert";
import { pair } from "../../net/pair.ts";
import { startServerTls, startTls } from "../../net/start_tls.ts";
import type { StartServerTlsOptions, StartTlsOptions } from "../../net/start_tls_options.ts";
import { identity } from "../_support/certs.ts";

Deno.test("start TLS options wait as everything that waits does", async () => {
  const wait: Pick<StartTlsOptions, "timeout" | "signal"> = { signal: AbortSignal.abort() };
  const both: StartServerTlsOptions = wait;
  const [a, b] = pair();
  const client = await assertRejects(() => startTls(a, { ...wait, hostname: "localhost" }));
  const server = await assertRejects(() => startServerTls(b, identity("server"), both));
  assertEquals([`${client}`, `${server}`].every((text) => text.endsWith("aborted")), true);
});
