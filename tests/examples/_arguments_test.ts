/** Each example tells with `--help` how it is used, with the permissions of docs/permissions.md, and says what is wrong with its arguments. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { runPeer, tempFolder } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = await Deno.readTextFile(`${root}/docs/permissions.md`);
const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"], cwd: root });
const { npmCache } = JSON.parse(new TextDecoder().decode((await info.output()).stdout));

/** The scripts in the folder: files, and folders with a `main.ts`. */
const SCRIPTS: string[] = [];
for await (const { name, isFile, isDirectory } of Deno.readDir(`${root}/examples`)) {
  if (name.startsWith("_")) continue;
  const main = `${name}/main.ts`;
  const there = (): Promise<boolean> =>
    Deno.stat(`${root}/examples/${main}`).then(() => true, () => false);
  if (isFile && name.endsWith(".ts")) SCRIPTS.push(name);
  else if (isDirectory && await there()) SCRIPTS.push(main);
}
SCRIPTS.sort();

/** The permissions that stand in the page for a script, once for each of its commands. */
function permissions(script: string): string[][] {
  const commands = page.matchAll(/`deno run (.*?) ?examples\/(\S+?)(?: [^`]*)?`/g);
  const own = [...commands].filter(([, , path]) => path === script);
  return own.map(([, flags]) => flags.replace("$HOME/.cache/deno/npm", npmCache).split(" "));
}

for (const script of SCRIPTS) {
  Deno.test(`examples: ${script} tells its use with --help, and what is wrong with its arguments`, async () => {
    await using folder = await tempFolder();
    const run = (flags: readonly string[], ...args: string[]) =>
      runPeer(Deno.execPath(), [
        ...["run", "--quiet", "--no-prompt", "--no-check", `--config=${root}/deno.json`],
        ...flags,
        `${root}/examples/${script}`,
        ...args,
      ], { cwd: folder.path });

    const all = permissions(script);
    assert(all.length > 0, "docs/permissions.md does not have it");
    const [help, ...others] = await Promise.all(all.map((flags) => run(flags, "--help")));
    assertEquals([help.code, help.stderr], [0, ""]);
    assertMatch(help.stdout, /^.+\n\nUsage: /, "what it is, and how it is used");
    assertStringIncludes(help.stdout, `\nUsage: ${script} `);
    for (const other of others) assertEquals(other.stdout, help.stdout);

    // What the program's head says of options stands there, too.
    const source = await Deno.readTextFile(`${root}/examples/${script}`);
    const head = source.slice(0, source.indexOf("*/")).split("\n")
      .filter((line) => !line.includes(" examples/") || line.includes(` examples/${script}`))
      .map((line) => line.replace(/.* examples\//, "")).join("\n");
    for (const [option] of head.matchAll(/--[a-z][a-z-]*/g)) {
      if (!/^--(allow|data|header)/.test(option)) assertStringIncludes(help.stdout, option);
    }

    const wrong = await run(all[0], "--no-such-option");
    assertEquals([wrong.code, wrong.stdout], [2, ""]);
    const [line, gap, ...usage] = wrong.stderr.split("\n");
    assertStringIncludes(line, "--no-such-option");
    assertEquals([gap, usage.join("\n")], ["", help.stdout]);
    assertEquals((await Array.fromAsync(Deno.readDir(folder.path))).length, 0);
  });
}

Deno.test("examples: a value that makes no sense is told in one line, with the usage below it", async () => {
  const cases: [string, string, string][] = [
    ["bluetooth_chat.ts", "--listen --channel 31", "--channel must be a whole number from 1 to 30"],
    ["chat_server/main.ts", "--server --web 65536", "--web must be"],
    ["echo.ts", "--port x hello", "--port must be"],
    ["echo.ts", "--port --help=x", "'--port' argument is ambiguous"],
    ["file_transfer.ts", "send letter.ps --port 99999", "--port must be"],
    ["file_transfer.ts", "send", 'Say "receive"'],
    ["file_transfer.ts", "receive --max-size -1", "--max-size"],
    ["file_transfer.ts", "send letter.ps --overwrite", "--overwrite is for the receiver"],
    ["file_transfer.ts", "send letter.ps --folder there", "--folder is for the receiver"],
    ["lua_websockets.ts", "--port 1.5", "--port must be"],
    ["messenger/main.ts", "--web=", "--web must be"],
    ["send_fax.ts", "--to 1 --state 7 letter.ps", "Tell --to and one file"],
    ["send_fax.ts", "--server a:b --state 7", 'Cannot use "a:b" as a server'],
    [
      "socket_hello.ts",
      "127.0.0.1 http",
      'PORT must be a whole number from 0 to 65535, not "http"',
    ],
    ["socketio_cluster/main.ts", "--redis localhost", "--redis must be a redis: or rediss: URL"],
    ["websocket_echo.ts", "--port 65536 hello", "--port must be"],
    ["websocket_stream.ts", "put letter.ps", 'Say "serve" and a file, or "get"'],
    ["wlangage_client_server.ts", "client --port x Bonjour", "--port must be"],
  ];
  for (const [script, args, text] of cases) {
    const { code, stdout, stderr } = await runPeer(Deno.execPath(), [
      ...["run", "--quiet", "--no-prompt", "--no-check", "--allow-sys=hostname", "--allow-env"],
      ...[`${root}/examples/${script}`, ...args.split(" ")],
    ], { cwd: root });
    const [line, gap, what, next, usage] = stderr.split("\n");
    assertEquals([code, stdout, gap, next], [2, "", "", ""], stderr);
    assertStringIncludes(line, text);
    assert(what !== "" && usage.startsWith(`Usage: ${script} `), stderr);
  }
});
