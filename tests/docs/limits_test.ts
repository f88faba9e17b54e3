// The tables of limits, in docs/limits.md and in SECURITY.md, say what the code does.
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { createServer } from "../../net/create_server.ts";
import { DEFAULT_MAX_MESSAGE_LENGTH } from "../../net/framer.ts";
import { DEFAULT_LIMIT_POLICIES, DEFAULT_LIMITS } from "../../net/limits.ts";
import { Socket } from "../../net/socket.ts";
import { resolveEngineOptions } from "../../socketio/_engine_settings.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { resolveConnectionOptions } from "../../websocket/connection_options.ts";
import {
  DEFAULT_MAX_CHUNKS,
  DEFAULT_MAX_FRAGMENTS,
  DEFAULT_MAX_MESSAGE_SIZE,
} from "../../websocket/types.ts";

const ROOT = new URL("../../", import.meta.url);
const MODULES = ["buffer", "net", "websocket", "socket", "socketio", "trace"];

/** Names of options that bound something. */
const BOUNDS =
  /^(max[A-Z].*|.*([lL]imit|[tT]imeout|Interval|Bytes|WaterMark|[bB]acklog|Capacity|DelayMax))$/;
/** Options with such names and a number that bound nothing of what others do. */
const NO_LIMITS = new Map([
  ["ConnectOptions.timeout", "the time of an event, and no deadline"],
  ["DiscoverBluetoothOptions.timeout", "none but that of `inquiryLength`"],
  ["PerMessageDeflateOptions.clientMaxWindowBits", "a parameter of the compression"],
  ["PerMessageDeflateOptions.serverMaxWindowBits", "a parameter of the compression"],
  ["TlsCommonOptions.maxVersion", "a version"],
  ["SocketBookParameters.maxVersion", "a version"],
]);

interface Row {
  name: string;
  value: string;
}

/** The lines of the tables of a section, from its heading to the next one of that level. */
function tablesOf(file: string, heading: string): string[] {
  const text = Deno.readTextFileSync(new URL(file, ROOT));
  const start = text.indexOf(`\n## ${heading}\n`);
  assert(start >= 0, `${file} has no "${heading}"`);
  const rest = text.slice(start + 4);
  const end = rest.search(/^## /m);
  return (end < 0 ? rest : rest.slice(0, end)).split("\n")
    .filter((line) => line.startsWith("|") || line.startsWith("### "));
}

function rowsOf(lines: string[]): Row[] {
  return lines.filter((line) => line.startsWith("| `")).map((line) => {
    const [, name, value] = line.split("|").map((cell) => cell.trim());
    return { name: name.slice(1, -1), value: plain(value) };
  });
}

/** A value in words that compare: numbers without separators, sizes in bytes. */
function plain(value: string): string {
  return value.replace(/(?<=\d)[_,](?=\d{3})/g, "")
    .replace(/(\d+) (KiB|MiB)/g, (_, n, unit) => String(n * (unit === "KiB" ? 1024 : 1_048_576)))
    .replace(/\s+/g, " ");
}

interface DocumentedMember {
  name: string;
  jsDoc?: { tags?: { kind: string; value?: string }[] };
}

/** What `@default` says of every option: by interface and name. */
async function documentedDefaults(): Promise<Map<string, string>> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...MODULES.map((name) => `${name}/mod.ts`)],
    cwd: fileURLToPath(ROOT),
    stdout: "piped",
    stderr: "null",
  }).output();
  assert(success);
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    nodes: Record<string, {
      symbols: { name: string; declarations: { def?: { properties?: DocumentedMember[] } }[] }[];
    }>;
  };
  const defaults = new Map<string, string>();
  for (const { symbols } of Object.values(nodes)) {
    for (const { name, declarations } of symbols) {
      for (const member of declarations.flatMap(({ def }) => def?.properties ?? [])) {
        const value = member.jsDoc?.tags?.find(({ kind }) => kind === "default")?.value;
        if (value !== undefined) defaults.set(`${name}.${member.name}`, plain(value));
      }
    }
  }
  return defaults;
}

const rows = rowsOf(tablesOf("docs/limits.md", "The tables"));
const values = new Map(rows.map(({ name, value }) => [name, value]));

/** Checks what the table says of several options of an interface. */
function assertTold(type: string, told: object, actual: Record<string, unknown>): void {
  for (const name of Object.keys(told)) {
    assertEquals(values.get(`${type}.${name}`), String(actual[name]), `${type}.${name}`);
  }
}

Deno.test("limits in SECURITY.md are those of docs/limits.md, each once", () => {
  assertEquals(tablesOf("SECURITY.md", "Limits"), tablesOf("docs/limits.md", "The tables"));
  assertEquals(values.size, rows.length);
  assert(rows.length > 120);
});

Deno.test("limits of the table are the defaults that the options are documented with, and none is left out", async () => {
  const defaults = await documentedDefaults();
  assert(defaults.size > 300, "the defaults can be read");
  const options = rows.filter(({ name }) => !name.includes("/"));
  for (const { name, value } of options) {
    assertEquals(defaults.get(name), value, `${name}, as documented and as in the table`);
  }
  const missing = [...defaults].filter(([name, value]) =>
    BOUNDS.test(name.split(".")[1]) && /^(\d|Infinity|no limit|the larger)/.test(value) &&
    !values.has(name) && !NO_LIMITS.has(name)
  );
  assertEquals(missing, [], "limits that docs/limits.md does not have");
  for (const name of NO_LIMITS.keys()) assert(defaults.has(name) && !values.has(name), name);
});

Deno.test("limits without an option are constants in the code", () => {
  const constants = rows.filter(({ name }) => name.includes("/"));
  assert(constants.length > 10);
  for (const { name, value } of constants) {
    const [file, constant] = name.split(" ");
    const source = Deno.readTextFileSync(new URL(file, ROOT));
    const found = new RegExp(`const ${constant}(?:: \\w+)? = ([\\d_ <]+);`).exec(source)?.[1];
    const [base, shift = "0"] = (found ?? "").split("<<");
    assertEquals(String(Number(plain(base).trim()) << Number(shift)), value, name);
  }
});

Deno.test("limits of the table are what the code takes when nothing is said", async () => {
  assertTold("LimitsOptions", DEFAULT_LIMITS, { ...DEFAULT_LIMITS });
  const {
    maxMessageSize,
    maxFragments,
    maxChunks,
    slowReader: _,
    ...connection
  } = resolveConnectionOptions();
  assertTold("WebSocketConnectionOptions", connection, { ...connection });
  assertEquals([maxMessageSize, maxFragments, maxChunks], [
    DEFAULT_MAX_MESSAGE_SIZE,
    DEFAULT_MAX_FRAGMENTS,
    DEFAULT_MAX_CHUNKS,
  ]);
  assertTold("WebSocketReceiveLimits", { maxMessageSize, maxFragments }, {
    maxMessageSize,
    maxFragments,
  });
  const engine = { ...resolveEngineOptions({}, "/") };
  const {
    maxHttpBufferSize,
    maxBufferedBytes,
    maxBufferedPackets,
    messageTimeout,
    pingInterval,
    pingTimeout,
    upgradeTimeout,
    decisionTimeout,
    destroyUpgradeTimeout,
    closeTimeout,
  } = engine;
  assertTold("SocketIoEngineOptions", {
    maxHttpBufferSize,
    maxBufferedBytes,
    maxBufferedPackets,
    messageTimeout,
    pingInterval,
    pingTimeout,
    upgradeTimeout,
    decisionTimeout,
    destroyUpgradeTimeout,
    closeTimeout,
  }, engine);
  const io = new SocketIoServer();
  assertTold("SocketIoServerOptions", { maxPendingAcks: 0 }, { ...io.opts });
  await io.close();
  const socket = new Socket();
  assertEquals(values.get("SocketOptions.highWaterMark"), String(socket.writableHighWaterMark));
  const server = createServer();
  assertEquals(values.get("ServerOptions.maxConnections"), String(server.maxConnections));
  assertEquals(values.get("FramerLimits.maxLength"), String(DEFAULT_MAX_MESSAGE_LENGTH));
});

Deno.test("policies that docs/limits.md calls the default are", () => {
  const text = Deno.readTextFileSync(new URL("docs/limits.md", ROOT));
  const head = ["wait", "drop", "close"];
  for (const [kind, policy] of Object.entries(DEFAULT_LIMIT_POLICIES)) {
    const cells = new RegExp(`^\\| \`${kind}\` \\|(.*)\\|(.*)\\|(.*)\\|$`, "m").exec(
      text.slice(text.indexOf("What happens at a limit")),
    )!.slice(1);
    const chosen = head.filter((_, i) => cells[i].includes("(the default)"));
    assertEquals(chosen, [policy], kind);
  }
});
