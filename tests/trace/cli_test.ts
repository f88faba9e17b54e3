import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dial } from "../../net/dial.ts";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { runTraceCommand, type TraceCommandIo } from "../../trace/cli.ts";
import { certPath } from "../_support/certs.ts";
import { spawnPeer, tempFolder } from "../_support/peers.ts";

const LOCAL = "127.0.0.1";

/** What is not there, in the words of any system: Windows tells a folder (3) from a file (2). */
const NOT_FOUND = /\(os error [23]\)/;

/** A run of the command inside this process. */
class Command implements TraceCommandIo {
  out = "";
  notes = "";
  colors = false;
  readonly code: Promise<number>;
  readonly #stop = new AbortController();
  readonly signal = this.#stop.signal;
  #changed = Promise.withResolvers<void>();
  /** What writing to stdout fails with. */
  broken: Error | undefined;

  constructor(args: string[], colors = false) {
    this.colors = colors;
    this.code = runTraceCommand(args, this);
  }

  readonly stdout = {
    write: (p: Uint8Array): Promise<number> => {
      if (this.broken !== undefined) return Promise.reject(this.broken);
      this.out += new TextDecoder().decode(p);
      this.#tell();
      return Promise.resolve(p.length);
    },
  };

  readonly stderr = {
    write: (p: Uint8Array): Promise<number> => {
      this.notes += new TextDecoder().decode(p);
      this.#tell();
      return Promise.resolve(p.length);
    },
  };

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async until(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = `${this.notes}\n${this.out}`.match(pattern);
      if (match !== null) return match;
      await Promise.race([
        this.#changed.promise,
        this.code.then((code) => {
          throw new Error(`ended with ${code}: ${this.notes}`);
        }),
      ]);
    }
  }

  async port(): Promise<number> {
    return Number((await this.until(/Listening on [^,\n]*:(\d+)/))[1]);
  }

  async stop(): Promise<number> {
    this.#stop.abort();
    return await this.code;
  }
}

/** A server that answers everything with the same, in capitals. */
function shouting(): Disposable & { port: number } {
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  void (async () => {
    for await (const conn of listener) {
      void (async () => {
        const p = new Uint8Array(1000);
        try {
          for (let n; (n = await conn.read(p)) !== null;) {
            const text = new TextDecoder().decode(p.subarray(0, n));
            await conn.write(new TextEncoder().encode(text.toUpperCase()));
          }
        } catch {
          // cut
        }
        conn.close();
      })();
    }
  })();
  return { port: listener.addr.port, [Symbol.dispose]: () => listener.close() };
}

async function say(port: number, text: string): Promise<string> {
  const conn = await Deno.connect({ hostname: LOCAL, port });
  await conn.write(new TextEncoder().encode(text));
  await conn.closeWrite();
  let answer = "";
  const p = new Uint8Array(1000);
  for (let n; (n = await conn.read(p)) !== null;) {
    answer += new TextDecoder().decode(p.subarray(0, n));
  }
  conn.close();
  return answer;
}

Deno.test("the command shows what passes, until it is stopped", async () => {
  using server = shouting();
  const command = new Command([
    ...["--listen", "0", "--to", `127.0.0.1:${server.port}`],
    ...["--server-name", "shop", "--grep", "needle"],
  ]);
  assertEquals(await say(await command.port(), "a needle"), "A NEEDLE");
  await command.until(/a needle/);
  assertEquals(await command.stop(), 0);
  assertMatch(command.out, /^\d\d:\d\d:\d\d\.\d{3} #1 client -> shop {2}a needle\n$/);
  assertEquals(
    command.notes,
    `Listening on ${command.notes.match(/127.*\d,/)![0]} connecting to 127.0.0.1:${server.port}\n`,
  );
});

Deno.test({
  name: "the command shows who comes by a Unix socket file, although such clients have no path",
  ignore: Deno.build.os === "windows",
  async fn() {
    using server = shouting();
    await using folder = await tempFolder();
    const path = `${folder.path}/listen.sock`;
    const [record, pcap] = [`${folder.path}/talk.trace`, `${folder.path}/talk.pcap`];
    const to = `${LOCAL}:${server.port}`;
    const command = new Command(
      ["--listen", `unix:${path}`, "--to", to, "--record", record, "--pcap", pcap, "--web", "0"],
    );
    await command.until(/Listening on/);
    using conn = await Deno.connect({ transport: "unix", path });
    await conn.write(new TextEncoder().encode("hello"));
    await command.until(/#1 client <- server {2}HELLO/);
    await command.until(/#1 client \(unix\) connects to server/);
    assertEquals(await command.stop(), 0);
    assertStringIncludes(await Deno.readTextFile(record), '"client":"unix"');
  },
});

Deno.test("colours are for terminals, unless it is said otherwise", async () => {
  using server = shouting();
  for (
    const [args, terminal, colored] of [
      [[], true, true],
      [[], false, false],
      [["--color", "never"], true, false],
      [["--color", "always"], false, true],
    ] as const
  ) {
    const command = new Command(["--listen", "0", "--to", String(server.port), ...args], terminal);
    await say(await command.port(), "x");
    await command.until(/closed/);
    await command.stop();
    assertEquals(command.out.includes("\x1b["), colored);
  }
});

Deno.test("the command writes captures and recordings, shows a page, and plays a recording again", async () => {
  await using folder = await tempFolder();
  using server = shouting();
  const [pcap, record] = ["a.pcap", "a.trace"].map((name) => `${folder.path}/${name}`);
  const to = `127.0.0.1:${server.port}`;
  const command = new Command([
    ...["--listen", "0", "--to", to, "--quiet", "--secrets"],
    ...["--pcap", pcap, "--record", record, "--web", "0"],
  ]);
  const port = await command.port();
  const [, url] = await command.until(/Live page: (\S+)/);
  const page = await (await fetch(url)).text();
  assertStringIncludes(page, `<title>Traffic to ${to}</title>`);
  assertEquals(await say(port, "once more"), "ONCE MORE");
  assertEquals([await command.stop(), command.out], [0, ""]);
  assert((await Deno.stat(pcap)).size > 24);

  const again = new Command(["replay", record, "--to", to, "--fast"]);
  assertEquals(await again.code, 0);
  assertEquals(again.notes, "#1 sent 9 bytes, received 9 of 9: the same\n");

  const asServer = new Command(["replay", record, "--listen", "0"]);
  assertEquals(await say(await asServer.port(), "once less"), "ONCE MORE");
  assertEquals(await asServer.code, 1);
  assertMatch(asServer.notes, /#1 sent 9 bytes, received 9 of 9: different from byte 5 on\n$/);
});

Deno.test("the command ends TLS with a certificate that it generates and saves", async () => {
  await using folder = await tempFolder();
  using server = shouting();
  const saved = `${folder.path}/cert.pem`;
  const command = new Command([
    ...["--listen", "tls://0", "--to", String(server.port), "--save-cert", saved],
  ]);
  const port = await command.port();
  assertMatch(command.notes, /Generated a certificate, SHA-256 [0-9A-F:]{95}\n/);
  const conn = await dial({ hostname: LOCAL, port }, {
    tls: { ca: await Deno.readTextFile(saved) },
  });
  await conn.write(new TextEncoder().encode("x"));
  const p = new Uint8Array(9);
  assertEquals([await conn.read(p), p[0]], [1, 88]);
  conn.close();
  assertEquals(await command.stop(), 0);
});

Deno.test("the command shows a given certificate, and checks the server's", async () => {
  const command = new Command([
    ...["--listen", "tls://0", "--to", "tls://localhost:1", "--ca", certPath("ca.pem")],
    ...["--cert", certPath("server.pem"), "--key", certPath("server.key"), "--timeout", "2000"],
  ]);
  await command.port();
  assertEquals(await command.stop(), 0);
});

Deno.test("the command traces datagrams", async () => {
  await using server = await createDatagramSocket().bind(0, LOCAL);
  server.on("message", (data, from) => void server.send(data, from));
  const command = new Command([
    "--listen",
    "udp://0",
    "--to",
    `udp://${server.address().port}`,
    "--hex",
  ]);
  await using client = await createDatagramSocket().connect(await command.port(), LOCAL);
  await client.send("hi");
  await client.receive({ timeout: 5000 });
  await command.until(/client <- server {2}00000000 {2}68 69 .*\|hi\|/);
  assertEquals(await command.stop(), 0);
});

Deno.test("a command that can't listen, or makes no sense, replaces no file", async () => {
  using server = shouting();
  await using folder = await tempFolder();
  const files = ["a.pcap", "a.trace"].map((name) => `${folder.path}/${name}`);
  for (const file of files) await Deno.writeTextFile(file, "of an earlier run");
  const write = ["--pcap", files[0], "--record", files[1]];
  const to = ["--to", `${server.port}`];
  const taken = new Command(["--listen", `${server.port}`, ...to, ...write]);
  assertEquals(await taken.code, 1);
  assertStringIncludes(taken.notes, "Cannot listen");
  const late = new Command(["--listen", "0", ...to, ...write, "--delay", "99999999999999"]);
  assertEquals(await late.code, 2);
  for (const file of files) assertEquals(await Deno.readTextFile(file), "of an earlier run");

  const nowhere = new Command(["--listen", "0", ...to, "--record", `${folder.path}/no/a.trace`]);
  assertEquals(await nowhere.code, 1);
  assertMatch(nowhere.notes, NOT_FOUND);
});

Deno.test("a recording of a server can be played over TLS, with a certificate that clients can trust", async () => {
  await using folder = await tempFolder();
  const [file, saved] = [`${folder.path}/a.trace`, `${folder.path}/cert.pem`];
  await Deno.writeTextFile(
    file,
    '{"format":"sluice-trace","version":1,"started":0,"transport":"tcp","server":"h","masked":true}\n' +
      '{"time":0,"connection":1,"type":"open"}\n' +
      '{"time":1,"connection":1,"type":"data","from":"server","bytes":"aGVsbG8="}\n' +
      '{"time":2,"connection":1,"type":"end","from":"server"}\n' +
      '{"time":2,"connection":1,"type":"end","from":"client"}\n',
  );
  const command = new Command(
    ["replay", file, "--listen", "tls://0", "--no-wait", "--save-cert", saved],
  );
  const port = await command.port();
  assertMatch(
    command.notes,
    /^Secrets are masked .*\nGenerated a certificate, SHA-256 [0-9A-F:]{95}\nListening on 127\.0\.0\.1:\d+\n$/,
  );
  const tls = { ca: await Deno.readTextFile(saved) };
  const conn = await dial({ hostname: LOCAL, port }, { tls });
  const p = new Uint8Array(9);
  assertEquals(new TextDecoder().decode(p.subarray(0, await conn.read(p) ?? 0)), "hello");
  assertEquals(await conn.read(p), null);
  await conn.closeWrite();
  conn.close();
  assertEquals(await command.code, 0, command.notes);
});

Deno.test("what the other way of playing a recording would need is refused", async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/a.trace`;
  await Deno.writeTextFile(
    file,
    '{"format":"sluice-trace","version":1,"started":0,"transport":"tcp","server":"h","masked":false}\n',
  );
  const identity = ["--cert", certPath("server.pem"), "--key", certPath("server.key")];
  for (
    const [args, why] of [
      [["--to", "udp://1"], "The recording holds streams"],
      [["--to", "tls://1", ...identity], "need --listen with tls://"],
      [["--to", "tls://1", "--save-cert", `${folder.path}/x`], "need --listen with tls://"],
      [["--listen", "tls://0", "--ca", certPath("ca.pem")], "need a server with tls://"],
      [["--listen", "tls://0", "--insecure"], "need a server with tls://"],
    ] as [string[], string][]
  ) {
    const command = new Command(["replay", file, ...args]);
    assertEquals(await command.code, 2, args.join(" "));
    assertStringIncludes(command.notes, why);
  }
});

Deno.test("what a recording says can't steer the terminal", async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/a.trace`;
  await Deno.writeTextFile(file, '{"format":"sluice-trace","version":"\\u001b[2J\\u202e2"}\n');
  const command = new Command(["replay", file, "--to", "1"]);
  assertEquals(await command.code, 1);
  assertStringIncludes(command.notes, "is of version \\x1b[2J\\u202e2\n");
});

Deno.test("help is given on stdout", async () => {
  const command = new Command(["--help"]);
  assertEquals(await command.code, 0);
  assertStringIncludes(command.out, "trace --listen ADDRESS --to ADDRESS");
});

for (
  const [args, code, why] of [
    [["--listen", "1"], 2, "--listen and --to are needed"],
    [["--listen", "0", "--to", "1", "--ca", "x"], 2, "need a server with tls://"],
    [["--listen", "0", "--to", "1", "--save-cert", "x"], 2, "need --listen with tls://"],
    [
      [
        "--listen",
        "0",
        "--to",
        "tls://1",
        "--cert",
        certPath("ca.pem"),
        "--key",
        certPath("ca.key"),
      ],
      2,
      "need --listen",
    ],
    [["--listen", "0", "--to", "1", "--split", "0"], 2, "a split of 0"],
    [["--listen", "0", "--to", "1", "--max-bytes", "x"], 2, "--max-bytes takes a number"],
    [["--listen", "0", "--to", "1", "--pcap", "/no/such/folder/x"], 1, NOT_FOUND],
    [["--listen", "192.0.2.1:0", "--to", "1", "--web", "0"], 1, "Cannot listen"],
    [["replay", "/no/such/file", "--to", "1"], 1, NOT_FOUND],
  ] as [string[], number, string | RegExp][]
) {
  Deno.test(`the command fails with ${code}: ${args.slice(4).join(" ") || args.join(" ")}`, async () => {
    const command = new Command(args);
    assertEquals(await command.code, code);
    if (typeof why === "string") assertStringIncludes(command.notes, why);
    else assertMatch(command.notes, why);
    assertEquals(command.notes.includes('"--help"'), code === 2);
  });
}

Deno.test("a display that has gone ends the command, without a word when it was a pipe", async () => {
  using server = shouting();
  for (
    const [broken, code, why] of [
      [new Deno.errors.BrokenPipe("broken"), 0, ""],
      [new Error("on fire"), 1, "Cannot tell what is traced: on fire\n"],
    ] as const
  ) {
    const command = new Command(["--listen", "0", "--to", String(server.port)]);
    const port = await command.port();
    command.broken = broken;
    for (let i = 0; i < 2; i++) await say(port, "x").catch(() => {});
    assertEquals(await command.code, code);
    assertEquals(command.notes.split("\n").slice(1).join("\n"), why);
  }
});

Deno.test({
  name: "as a program the command ends with Ctrl+C",
  ignore: Deno.build.os === "windows",
  async fn() {
    using server = shouting();
    const mod = new URL("../../trace/mod.ts", import.meta.url).pathname;
    await using peer = await spawnPeer(
      Deno.execPath(),
      ["run", "-A", "--quiet", mod, "--listen", "0", "--to", String(server.port)],
      { ready: /Listening on/ },
    );
    const port = Number(peer.stderr.match(/:(\d+), connecting/)![1]);
    assertEquals(await say(port, "x"), "X");
    await peer.waitFor(/closed: 1 byte/);
    peer.kill("SIGINT");
    assertEquals((await peer.status).code, 0);
    assert(!peer.stdout.includes("\x1b["));
  },
});
