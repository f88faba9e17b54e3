import { assertEquals, assertThrows } from "@std/assert";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { dial } from "../../net/dial.ts";
import { delimiterFramer, nulFramer } from "../../net/delimiter_framer.ts";
import { jsonLinesFramer } from "../../net/json_lines_framer.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { cobsFramer } from "../../net/cobs_framer.ts";
import { contentLengthFramer } from "../../net/content_length_framer.ts";
import { netstringFramer } from "../../net/netstring_framer.ts";
import { sizeHeaderFramer } from "../../net/size_header_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { checkOptionNames, checkOptionSpelling } from "../../net/option_names.ts";
import { pair } from "../../net/pair.ts";
import { createSecureServer, type SecureServerOptions } from "../../net/secure_server.ts";

/** The text of what `call` throws for options that its type does not know. */
function refusal(call: () => unknown): string {
  const error: TypeError & { code?: string } = assertThrows(call, TypeError);
  assertEquals(error.code, "ERR_INVALID_ARG_VALUE");
  return error.message;
}

Deno.test("option names: those that are known pass, and so does what asks for nothing", () => {
  const known = { a: true, b: undefined };
  for (const options of [{}, { a: 1 }, { a: 1, b: 2 }, { c: undefined, d: null }]) {
    checkOptionNames("Cannot do it", options, known);
  }
  checkOptionNames("Cannot do it", Object.create({ c: 1 }), known);
  checkOptionSpelling("Cannot do it", { a: 1, c: 1, A: undefined, B: null }, known);
});

Deno.test("option names: the refusal names what is meant", () => {
  const known = { allowList: true, toString: true };
  const check = (options: object) =>
    checkOptionNames("Cannot do it", options, known, { host: "is `hostname` here" });
  assertEquals(refusal(() => check({ host: 1 })), "Cannot do it: `host` is `hostname` here");
  assertEquals(refusal(() => check({ x: 0 })), "Cannot do it: there is no option `x`");
  assertEquals(
    refusal(() => check({ allowlist: false })),
    "Cannot do it: there is no option `allowlist`, but `allowList`",
  );
  assertEquals(
    refusal(() => checkOptionSpelling("Cannot do it", { x: 1, AllowList: 1 }, known)),
    "Cannot do it: there is no option `AllowList`, but `allowList`",
  );
  // What every object has is no option.
  assertEquals(
    refusal(() => checkOptionNames("Cannot do it", { valueOf: 1 }, {})),
    "Cannot do it: there is no option `valueOf`",
  );
});

Deno.test("option names: what is no object of options is refused", () => {
  for (const options of [null, undefined, 5, "text", [], new Map(), new Headers()]) {
    assertEquals(
      refusal(() => checkOptionNames("Cannot do it", options as object, {})),
      "Cannot do it: the options are not an object",
    );
  }
});

/** Options that nobody knows, and the end of the text that says so. */
const UNKNOWN: Record<string, [call: (options: object) => unknown, name: string, end: string][]> = {
  "a server": [
    [(o) => createServer(o), "allowlist", "no option `allowlist`, but `allowList`"],
    [(o) => createServer(o), "port", "`port` goes to `listen()`"],
    [(o) => createServer(o), "cert", "`cert` goes to `createSecureServer()`"],
    [(o) => createSecureServer(o as SecureServerOptions), "requestcert", "but `requestCert`"],
    [(o) => createServer({ acceptRate: { perSecond: 1, ...o } }), "Burst", "but `burst`"],
    [
      (o) => createServer({ proxyProtocol: { trusted: ["unix"], ...o } }),
      "timout",
      "no option `timout`",
    ],
    [(o) => createServer().listen({ port: 0, ...o }), "reuseport", "but `reusePort`"],
  ],
  "a connection": [
    [(o) => connect({ port: 1, host: "127.0.0.1", ...o }), "highWatermark", "but `highWaterMark`"],
  ],
  "a datagram socket": [
    [createDatagramSocket as (o: object) => unknown, "maxqueue", "but `maxQueue`"],
    [
      createDatagramSocket as (o: object) => unknown,
      "sendBlockList",
      "`sendBlockList` is `policy` here",
    ],
  ],
  "messages": [
    [(o) => new MessageSocket(pair()[0], lineFramer(), o), "maxInboxbytes", "but `maxInboxBytes`"],
    [pair, "latency", "no option `latency`"],
    [(o) => pair({ forth: o }), "clock", "no option `clock`"],
    ...[lineFramer, jsonLinesFramer, lengthPrefixFramer, delimiterFramer, nulFramer, cobsFramer]
      .concat(contentLengthFramer, netstringFramer, sizeHeaderFramer)
      .map((framer): [(o: object) => unknown, string, string] => [
        framer as (o: object) => unknown,
        "maxlength",
        "but `maxLength`",
      ]),
    [nulFramer, "marker", "`marker` is NUL here"],
  ],
};

for (const [what, cases] of Object.entries(UNKNOWN)) {
  Deno.test(`option names: ${what} refuses what it does not know`, () => {
    for (const [call, name, end] of cases) {
      const text = refusal(() => call({ [name]: 1 }));
      assertEquals(text.slice(-end.length), end, text);
    }
  });
}

Deno.test("option names: dial refuses what it does not know, before it connects", async () => {
  for (
    const [name, end] of [["timeuot", "no option `timeuot`"], ["ca", "`ca` goes into `tls`"], [
      "connectTimeout",
      "`connectTimeout` is `timeout` here",
    ]]
  ) {
    const error = await dial({ hostname: "127.0.0.1", port: 1 }, { [name]: 1 })
      .then(() => undefined, (error) => error);
    assertEquals([error instanceof TypeError, error.message], [
      true,
      `Cannot dial: ${end.startsWith("no") ? "there is " : ""}${end}`,
    ]);
  }
});
