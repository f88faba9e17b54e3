import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  checkConnect,
  checkFamily,
  checkPath,
  checkPort,
  checkSignal,
  checkTimeout,
  connectArguments,
  FOREIGN_SOCKET_OPTIONS,
  isPath,
  refuseOptions,
} from "../../net/_connect_arguments.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import { foreignSignal } from "../_support/foreign_signal.ts";

function codeOf(fn: () => unknown): unknown {
  return (assertThrows(fn) as { code?: unknown }).code;
}

Deno.test("connect arguments come in all of Node's forms", () => {
  const listener = (): void => {};
  assertEquals(connectArguments([80, "example.org", listener]), {
    options: { port: 80, host: "example.org" },
    listener,
  });
  assertEquals(connectArguments(["80"]).options.port as unknown, "80");
  assertEquals(connectArguments(["/run/x.sock", listener]).options, { path: "/run/x.sock" });
  assertEquals(connectArguments([{ port: 1 }]), { options: { port: 1 }, listener: undefined });
});

Deno.test("ports are whole numbers, also as text", () => {
  assertEquals([checkPort("80"), checkPort(" 0 "), checkPort(65_535)], [80, 0, 65_535]);
  for (const port of [-1, 65_536, 1.5, NaN, Infinity, "x", "", "0x50", null, undefined, {}, true]) {
    assertEquals(codeOf(() => checkPort(port)), "ERR_SOCKET_BAD_PORT", String(port));
  }
  assertEquals(codeOf(() => checkPort(0, 1)), "ERR_SOCKET_BAD_PORT");
});

Deno.test("what is blank, or a number in any notation, is no path", () => {
  for (const path of ["/run/x.sock", "x", "-1", "1.2.3", " x "]) assert(isPath(path), path);
  for (const none of ["", " ", "80", " 80 ", "0x50", "8e1", "1.5", 80, null, undefined, {}]) {
    assertEquals(isPath(none), false, String(none));
  }
});

Deno.test("paths are not empty and hold no NUL", () => {
  assertEquals(checkPath("/run/x.sock"), "/run/x.sock");
  assertEquals(codeOf(() => checkPath("")), "ERR_INVALID_ARG_VALUE");
  assertEquals(codeOf(() => checkPath("/run/x\0")), "ERR_INVALID_ARG_VALUE");
  assertEquals(codeOf(() => checkPath(7)), "ERR_INVALID_ARG_TYPE");
});

Deno.test("timeouts are what a timer can take", () => {
  assertEquals([checkTimeout(0), checkTimeout(2_147_483_647)], [0, 2_147_483_647]);
  for (const ms of [-1, NaN, 2_147_483_648]) {
    assertEquals(codeOf(() => checkTimeout(ms)), "ERR_OUT_OF_RANGE");
  }
  assertEquals(codeOf(() => checkTimeout("5")), "ERR_INVALID_ARG_TYPE");
});

Deno.test("a signal is what tells whether it has fired and can be listened to, of any class", () => {
  checkSignal(undefined);
  for (const aborted of [false, true]) {
    checkSignal(foreignSignal(aborted).signal);
    checkSignal({ aborted, addEventListener() {} });
  }
  const addEventListener = (): void => {};
  for (
    const none of [
      null,
      {},
      "abort",
      new AbortController(),
      new EventTarget(),
      { aborted: false },
      { aborted: "no", addEventListener },
      { aborted: false, addEventListener: {} },
      Object.assign(() => {}, { aborted: false, addEventListener }),
    ]
  ) {
    assertEquals(codeOf(() => checkSignal(none)), "ERR_INVALID_ARG_TYPE");
  }
});

Deno.test("a family is a number, or goes by its name", () => {
  const families = ([undefined, 0, 4, 6, "IPv4", "IPv6"] as const).map(checkFamily);
  assertEquals(families, [0, 0, 4, 6, 4, 6]);
  assertEquals(checkConnect({ port: 1, family: "IPv6" }).family, 6);
  for (const wrong of [5, "4", "ipv4", true]) {
    assertEquals(codeOf(() => checkFamily(wrong as 4)), "ERR_INVALID_ARG_VALUE");
  }
});

Deno.test("connect options are checked before anything is opened", () => {
  assertEquals(checkConnect({ port: "80" as unknown as number, localPort: 0 }).port, 80);
  assertEquals(checkConnect({ path: "/x" }).path, "/x");
  const wrong: [Record<string, unknown>, string][] = [
    [{}, "ERR_MISSING_ARGS"],
    [{ port: 0 }, "ERR_SOCKET_BAD_PORT"],
    [{ port: true }, "ERR_INVALID_ARG_TYPE"],
    [{ port: 1, host: 7 }, "ERR_INVALID_ARG_TYPE"],
    [{ port: 1, localAddress: "example.org" }, "ERR_INVALID_IP_ADDRESS"],
    [{ port: 1, localPort: 65_536 }, "ERR_SOCKET_BAD_PORT"],
    [{ port: 1, family: 5 }, "ERR_INVALID_ARG_VALUE"],
    [{ port: 1, timeout: -1 }, "ERR_OUT_OF_RANGE"],
    [{ port: 1, connectTimeout: NaN }, "ERR_OUT_OF_RANGE"],
    [{ port: 1, hostname: 7 }, "ERR_INVALID_ARG_TYPE"],
    [{ port: 1, keepAlive: true, keepAliveInitialDelay: "5000" }, "ERR_INVALID_ARG_TYPE"],
    [{ port: 1, signal: {} }, "ERR_INVALID_ARG_TYPE"],
    [{ path: "/x", signal: "abort" }, "ERR_INVALID_ARG_TYPE"],
    [{ path: "/x", proxy: "socks5://127.0.0.1" }, "ERR_INVALID_ARG_VALUE"],
    [{ path: "/x", proxyTls: {} }, "ERR_INVALID_ARG_VALUE"],
    [{ path: "/x", localAddress: "127.0.0.1" }, "ERR_INVALID_ARG_VALUE"],
  ];
  assertEquals(
    wrong.map(([options]) => codeOf(() => checkConnect(options))),
    wrong.map(([, code]) => code),
  );
});

Deno.test("connect options that are null or empty are as good as not given", () => {
  const names = ["path", "host", "hostname", "localAddress", "localPort", "family", "lookup"];
  for (
    const name of [
      ...names,
      "autoSelectFamily",
      "autoSelectFamilyAttemptTimeout",
      "timeout",
      "signal",
    ]
  ) {
    assertEquals(checkConnect({ port: 1, [name]: null }), checkConnect({ port: 1 }));
  }
  for (const name of ["path", "host", "hostname", "localAddress"]) {
    assertEquals(checkConnect({ port: 1, [name]: "" }), checkConnect({ port: 1 }));
  }
  const path = { path: "/x", localAddress: null as never, lookup: null as never };
  assertEquals(checkConnect(path), { path: "/x" });
  for (const nowhere of [{ path: "" }, { path: null }, { host: "h" }]) {
    assertEquals(codeOf(() => checkConnect(nowhere as { path: string })), "ERR_MISSING_ARGS");
  }
  // What guards a connection is never left out in silence.
  assertEquals(
    codeOf(() => checkConnect({ port: 1, connectTimeout: null as never })),
    "ERR_INVALID_ARG_TYPE",
  );
  assertThrows(() => checkConnect({ port: 1, proxy: null as never }), TypeError);
});

Deno.test("options of Node's that nothing honours are refused, unless they ask for nothing", () => {
  const foreign = [
    { fd: 0 },
    { onread: {} },
    { handle: {} },
    { objectMode: true },
    { readableObjectMode: true },
    { writableObjectMode: true },
    { blockList: {} },
  ];
  for (const option of foreign) {
    assertEquals(codeOf(() => checkConnect({ port: 1, ...option })), "ERR_INVALID_ARG_VALUE");
  }
  refuseOptions({ fd: undefined, handle: null, onread: false, port: 1 }, FOREIGN_SOCKET_OPTIONS);
});

Deno.test("options for the search for addresses are checked", () => {
  const bad: Array<[options: Record<string, unknown>, code: string]> = [
    [{ lookup: "dns" }, "ERR_INVALID_ARG_TYPE"],
    [{ autoSelectFamily: 1 }, "ERR_INVALID_ARG_TYPE"],
    [{ autoSelectFamilyAttemptDelay: "1" }, "ERR_INVALID_ARG_TYPE"],
    [{ autoSelectFamilyAttemptDelay: 0 }, "ERR_OUT_OF_RANGE"],
    [{ autoSelectFamilyAttemptDelay: NaN }, "ERR_OUT_OF_RANGE"],
    [{ autoSelectFamilyAttemptTimeout: "1" }, "ERR_INVALID_ARG_TYPE"],
    [{ autoSelectFamilyAttemptTimeout: 0 }, "ERR_OUT_OF_RANGE"],
    [{ hints: 32 }, "ERR_INVALID_ARG_VALUE"],
  ];
  for (const [options, code] of bad) {
    assertEquals(codeOf(() => checkConnect({ port: 80, ...options })), code, Deno.inspect(options));
  }
  checkConnect({ port: 80, autoSelectFamily: false, ...{ hints: 0 } });
});

Deno.test("a proxy that is no URL of one is refused at once, and its password is not shown", () => {
  const good = ["socks5://u:p@h:1080", new URL("http://h:3128"), "h:3128", parseProxyUrl("h:1")];
  for (const proxy of [...good, good, []]) {
    assertEquals(checkConnect({ port: 1, proxy }).proxy, proxy);
  }
  const bad = ["socks9://u:secret@h:1", "socks5://u:secret@h:port", "", [
    "socks5://h:1",
    "ftp://h",
  ]];
  for (const proxy of bad) {
    const error = assertThrows(() => checkConnect({ port: 1, proxy }), TypeError, "proxy URL");
    assert(!error.message.includes("secret"));
  }
});
