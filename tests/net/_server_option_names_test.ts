import { assertEquals, assertThrows } from "@std/assert";
import { BlockList } from "node:net";
import { checkServerOptionNames } from "../../net/_server_option_names.ts";
import { Limits } from "../../net/limits.ts";

Deno.test("a server knows its own options, a socket's, and what says that Node's others are not wanted", () => {
  checkServerOptionNames({});
  checkServerOptionNames({
    allowHalfOpen: true,
    highWaterMark: 1,
    maxSendQueueBytes: 1,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 1,
    limits: Limits.shared,
    pauseOnConnect: true,
    maxConnections: 1,
    maxConnectionsPerAddress: 1,
    blockList: new BlockList(),
    allowList: new BlockList(),
    acceptRate: { perSecond: 1 },
    proxyProtocol: { trusted: [] },
  });
  checkServerOptionNames({ objectMode: false, port: undefined, cert: null } as object);
});

Deno.test("a server tells where an option goes that is not its own", () => {
  const told = (options: object) =>
    assertThrows(() => checkServerOptionNames(options), TypeError).message;
  assertEquals(
    [
      { hostname: "::1" },
      { key: "k" },
      { tls: {} },
      { timeout: 5 },
      { blocklist: [] },
      { backlog: 5 },
    ].map(told),
    [
      "Cannot make a server: `hostname` goes to `listen()`",
      "Cannot make a server: `key` goes to `createSecureServer()`",
      "Cannot make a server: `tls` is none here: `cert` and `key` go to `createSecureServer()`",
      "Cannot make a server: `timeout` is `setTimeout()` of a socket here",
      "Cannot make a server: there is no option `blocklist`, but `blockList`",
      "Cannot make a server: `backlog` goes to `listen()`",
    ],
  );
});
