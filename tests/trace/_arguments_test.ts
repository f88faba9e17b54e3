import { assertEquals, assertThrows } from "@std/assert";
import {
  HELP,
  parseAddress,
  parseCommand,
  parseContent,
  type ReplayCommand,
  type TraceCommand,
  UsageError,
} from "../../trace/_arguments.ts";

function trace(...args: string[]): TraceCommand {
  return parseCommand(["--listen", "1", "--to", "h:2", ...args]) as TraceCommand;
}

function replay(...args: string[]): ReplayCommand {
  return parseCommand(["replay", "f", ...args]) as ReplayCommand;
}

Deno.test("addresses are read in all their forms", () => {
  const read = (text: string): unknown => {
    const { kind, endpoint } = parseAddress("to", text);
    return [kind, endpoint];
  };
  assertEquals(read("80"), ["tcp", { port: 80 }]);
  assertEquals(read("tls://443"), ["tls", { port: 443 }]);
  assertEquals(read("example.org:80"), ["tcp", { hostname: "example.org", port: 80 }]);
  assertEquals(read("udp://[::1]:53"), ["udp", { hostname: "::1", port: 53 }]);
  assertEquals(read("tcp://1.2.3.4:0"), ["tcp", { hostname: "1.2.3.4", port: 0 }]);
  assertEquals(read("unix:/tmp/a b"), ["tcp", { path: "/tmp/a b" }]);
});

Deno.test("what is no address is refused", () => {
  for (
    const text of [
      "",
      "h:",
      "h",
      ":80",
      "::1:80",
      "[::1]",
      "h:80:90",
      "h:99999",
      "http://h:80",
      "unix:",
      "h:-1",
    ]
  ) {
    assertThrows(() => parseAddress("to", text), UsageError, "--to", text);
  }
});

Deno.test("content is text, or an expression", () => {
  assertEquals(parseContent("a/b"), "a/b");
  assertEquals(parseContent("/a+/i"), /a+/i);
  assertEquals(parseContent("//"), "//");
  assertThrows(() => parseContent("/(/"), UsageError, "--grep");
});

Deno.test("no arguments, or --help, ask for help", () => {
  for (const args of [[], ["--help"], ["replay", "-h"]]) {
    assertEquals(parseCommand(args), { command: "help" });
  }
});

Deno.test("all that is left out has its default", () => {
  assertEquals(trace(), {
    command: "trace",
    listen: { kind: "tcp", endpoint: { port: 1 } },
    to: { kind: "tcp", endpoint: { hostname: "h", port: 2 } },
    tls: {
      cert: undefined,
      key: undefined,
      ca: undefined,
      insecure: false,
      servername: undefined,
      saveCert: undefined,
    },
    format: {
      view: "text",
      maxBytes: undefined,
      clientName: undefined,
      serverName: undefined,
      frames: undefined,
    },
    filter: { connections: undefined, content: undefined, from: undefined },
    color: "auto",
    faults: {
      delay: undefined,
      rate: undefined,
      split: undefined,
      cutAfter: undefined,
      from: undefined,
    },
    quiet: false,
    all: false,
    secrets: false,
    secretHeaders: [],
    decode: true,
    pcap: undefined,
    record: undefined,
    web: undefined,
    maxConnections: undefined,
    timeout: undefined,
  });
});

Deno.test("what is shown can be chosen", () => {
  assertEquals(trace("--hex").format.view, "hex");
  assertEquals(trace("--hex", "--text").format.view, "both");
  assertEquals(trace("--max-bytes", "2k").format.maxBytes, 2000);
  assertEquals(trace("--only", "1,127.0.0.1:5,3").filter.connections, [1, "127.0.0.1:5", 3]);
  assertEquals(trace("--grep", "/x/").filter.content, /x/);
  assertEquals(trace("--from", "server").filter.from, "server");
  assertEquals(trace("--secret-header", "a", "--secret-header", "b").secretHeaders, ["a", "b"]);
  assertEquals(trace("--no-decode").decode, false);
  const { quiet, all, secrets, format } = trace(
    ...["--quiet", "--all", "--secrets", "--frames", "--client-name", "a", "--server-name", "b"],
  );
  assertEquals([quiet, all, secrets, format.frames], [true, true, true, true]);
  assertEquals([format.clientName, format.serverName], ["a", "b"]);
});

Deno.test("numbers take units", () => {
  const rates = ["100", "1.5k", "2M", "1Ki", "3MiB", "1G"].map((text) =>
    trace("--rate", text).faults.rate
  );
  assertEquals(rates, [100, 1500, 2e6, 1024, 3 << 20, 1e9]);
  assertEquals(trace("--cut-after", "0", "--disturb", "client").faults.cutAfter, 0);
});

Deno.test("--tls is of both sides", () => {
  const { listen, to } = trace("--tls");
  assertEquals([listen.kind, to.kind], ["tls", "tls"]);
});

Deno.test("replay has its own options", () => {
  const { to, listen, speed, wait, timeout } = replay(
    "--to",
    "tls://2",
    "--speed",
    "3",
    "--timeout",
    "5",
  );
  assertEquals([to?.kind, listen, speed, wait, timeout], ["tls", undefined, 3, true, 5]);
  const fast = replay("--listen", "2", "--fast", "--no-wait");
  assertEquals([fast.speed, fast.wait], [Infinity, false]);
});

for (
  const [args, why] of [
    [["--listen", "1"], "--listen and --to are needed"],
    [["--to", "1"], "--listen and --to are needed"],
    [["--listen", "1", "--to", "2", "x"], '"x" is no option'],
    [["--listen", "1", "--to", "2", "--odd"], "Unknown option"],
    [["--listen", "1", "--to"], "argument missing"],
    [["--listen", "udp://1", "--to", "2"], "Datagrams can't become a stream"],
    [["--listen", "udp://1", "--to", "udp://2", "--tls"], "no TLS over datagrams"],
    [["--listen", "1", "--to", "2", "--from", "me"], "--from takes client or server"],
    [["--listen", "1", "--to", "2", "--color", "red"], "--color takes"],
    [["--listen", "1", "--to", "2", "--delay", "soon"], "--delay takes a number"],
    [["--listen", "1", "--to", "2", "--web", "x"], "--web"],
    [["--listen", "1", "--to", "2", "--cert", "x"], "--cert and --key belong together"],
    [["--listen", "1", "--to", "2", "--only", "3,"], "--only takes numbers and addresses"],
    [["--listen", "1", "--to", "2", "--disturb", "client"], "--disturb needs one of --delay"],
    [["replay"], "replay takes one file"],
    [["replay", "a", "b", "--to", "1"], "replay takes one file"],
    [["replay", "a"], "either --to or --listen"],
    [["replay", "a", "--to", "1", "--listen", "1"], "either --to or --listen"],
    [["replay", "a", "--to", "1", "--fast", "--speed", "2"], "exclude each other"],
    [["replay", "a", "--to", "1", "--hex"], "Unknown option"],
  ] as const
) {
  Deno.test(`arguments are refused: ${args.join(" ")}`, () => {
    const error = assertThrows(() => parseCommand(args), UsageError);
    assertEquals(error.message.includes(why), true, error.message);
  });
}

Deno.test("the help tells of every option, and of no other", () => {
  const told = new Set([...HELP.matchAll(/--([a-z-]+)/g)].map(([, name]) => name));
  told.delete("help");
  const known = (args: string[]): string[] =>
    [...told].filter((name) => {
      try {
        parseCommand([...args, `--${name}`]);
        return true;
      } catch (error) {
        return !(error as Error).message.startsWith("Unknown option");
      }
    });
  const all = new Set([
    ...known(["--listen", "1", "--to", "2"]),
    ...known(["replay", "f", "--to", "1"]),
  ]);
  assertEquals(all, told);
});

Deno.test("a capture and a recording in one file are refused: each would replace the other", () => {
  assertThrows(() => trace("--pcap", "f", "--record", "f"), UsageError, "need a file each");
  assertEquals(trace("--pcap", "f", "--record", "g").record, "g");
});
