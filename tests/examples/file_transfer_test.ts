import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fitting, sendFile } from "../../examples/file_transfer.ts";
import {
  type Peer,
  peerTest,
  runPeer,
  spawnPeer,
  tempFolder,
  utilLinuxScript,
} from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const example = join(root, "examples/file_transfer.ts");
const config = `--config=${join(root, "deno.json")}`;

async function startReceiver(
  folder: string,
  more: string[] = [],
): Promise<{ receiver: Peer; port: string }> {
  const receiver = await spawnPeer(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", config, "--allow-net=127.0.0.1", "--allow-read=."]
      .concat("--allow-write=.", example, "receive", "--port=0", more),
    { cwd: folder },
  );
  const [, port] = await receiver.waitFor(/Waiting for a file on 127\.0\.0\.1:(\d+)/);
  return { receiver, port };
}

function sender(file: string, port: string): string[] {
  return ["run", "--quiet", "--no-prompt", config, "--allow-net=127.0.0.1", `--allow-read=${file}`]
    .concat(example, "send", file, `--port=${port}`);
}

async function names(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).sort();
}

async function randomFile(path: string, size: number): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path, { write: true, create: true });
  for (let done = 0; done < size;) {
    const bytes = crypto.getRandomValues(new Uint8Array(Math.min(65_536, size - done)));
    hash.update(bytes);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    done += bytes.length;
  }
  return hash.digest("hex");
}

async function hashOf(path: string): Promise<string> {
  return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
}

for (const size of [0, 1, 20_000_001]) {
  Deno.test(`file transfer: a file of ${size} bytes arrives whole, from process to process`, async () => {
    await using from = await tempFolder();
    await using to = await tempFolder();
    const path = join(from.path, "Ünï code.bin");
    const hash = await randomFile(path, size);
    const { receiver, port } = await startReceiver(to.path);
    await using _receiver = receiver;
    const { code, stdout, stderr } = await runPeer(Deno.execPath(), sender(path, port));
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertStringIncludes(stdout, "Sent Ünï code.bin");
    assertStringIncludes(stdout, hash);
    assertEquals((await receiver.status).code, 0);
    assertStringIncludes(receiver.stdout, hash);
    assertEquals(await names(to.path), ["Ünï code.bin"]);
    assertEquals(await hashOf(join(to.path, "Ünï code.bin")), hash);
  });
}

peerTest(
  "file transfer: progress is drawn on a terminal",
  { needs: [utilLinuxScript] },
  async () => {
    await using from = await tempFolder();
    await using to = await tempFolder();
    const path = join(from.path, "data.bin");
    await randomFile(path, 5_000_000);
    const { receiver, port } = await startReceiver(to.path);
    await using _receiver = receiver;
    const { code, stdout } = await runPeer("script", [
      "--quiet",
      "--return",
      "--command",
      [Deno.execPath(), ...sender(path, port)].join(" "),
      "/dev/null",
    ], { env: { COLUMNS: "80" } });
    assertEquals(code, 0);
    assertStringIncludes(stdout, "\r\x1b[Kdata.bin ");
    assertStringIncludes(stdout, "data.bin 100% [####################]  5.0 MB of 5.0 MB");
    assertStringIncludes(stdout, "Sent data.bin: 5.0 MB in ");
  },
);

Deno.test("file transfer: a refusal leaves the receiver waiting, and a file that is there untouched", async () => {
  await using from = await tempFolder();
  await using to = await tempFolder();
  const path = join(from.path, "a.txt");
  await Deno.writeTextFile(path, "new");
  await Deno.writeTextFile(join(to.path, "a.txt"), "old");
  const { receiver, port } = await startReceiver(to.path, ["--max-size=1000"]);
  await using _receiver = receiver;
  const there = await runPeer(Deno.execPath(), sender(path, port));
  assertEquals(there.code, 1);
  assertEquals(
    there.stderr,
    `Cannot send "${path}": the other end says: a file of that name is there already\n`,
  );
  const large = join(from.path, "large");
  await Deno.writeFile(large, new Uint8Array(1001));
  const refused = await runPeer(Deno.execPath(), sender(large, port));
  assertStringIncludes(refused.stderr, "the other end says: it is larger than 1.0 kB");
  assertEquals(await Deno.readTextFile(join(to.path, "a.txt")), "old");

  const other = join(from.path, "b.txt");
  await Deno.writeTextFile(other, "new");
  assertEquals((await runPeer(Deno.execPath(), sender(other, port))).code, 0);
  assertEquals((await receiver.status).code, 0);
  assertEquals(await names(to.path), ["a.txt", "b.txt"]);
});

/** Talks to a receiver by hand: sends the pieces, each after an answer, and gives all that comes back. */
async function talk(port: string, pieces: (string | Uint8Array<ArrayBuffer>)[]): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let answer = "";
  for (const piece of pieces) {
    const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    answer += decoder.decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
  }
  return answer;
}

Deno.test("file transfer: names with a path, odd sizes and other protocols are refused", async () => {
  await using to = await tempFolder();
  const { receiver, port } = await startReceiver(to.path);
  await using _receiver = receiver;
  const offers = [
    { name: "../evil", size: 1 },
    { name: "/etc/evil", size: 1 },
    { name: "a\\b", size: 1 },
    { name: "..", size: 1 },
    { name: ".bashrc", size: 1 },
    { name: "a\u0000b", size: 1 },
    { name: "", size: 1 },
    { name: 5, size: 1 },
    { name: "ok", size: -1 },
    { name: "ok", size: 1.5 },
    { name: "ok", size: "1" },
    {},
  ];
  for (const offer of offers) {
    const answer = await talk(port, [`${JSON.stringify(offer)}\n`]);
    assert(/^\{"error":"the (name|size) is no /.test(answer), JSON.stringify(offer) + answer);
  }
  for (const other of ["GET / HTTP/1.1\r\n\r\n", "null\n", "x".repeat(5000)]) {
    assertStringIncludes(await talk(port, [other]), "the other end talks something else");
  }
  assertEquals(await names(to.path), []);
});

Deno.test("file transfer: a wrong hash is noticed and nothing is left behind", async () => {
  await using to = await tempFolder();
  const { receiver, port } = await startReceiver(to.path);
  await using _receiver = receiver;
  const bytes = new Uint8Array(3 + 32);
  const answers = await talk(port, ['{"name":"a","size":3}\n', bytes]);
  assertEquals(
    answers,
    '{"ok":true}\n{"error":"the SHA-256 differs: it was changed on the way"}\n',
  );
  assertEquals((await receiver.status).code, 1);
  assertEquals(receiver.stderr, "Cannot receive: the SHA-256 differs: it was changed on the way\n");
  assertEquals(await names(to.path), []);
});

Deno.test("file transfer: a sender that dies midway, Ctrl-C and SIGTERM leave no half file", async () => {
  for (const how of ["dies", "SIGINT", "SIGTERM"] as const) {
    // On Windows no process can send Ctrl-C to another one.
    if (how !== "dies" && Deno.build.os === "windows") continue;
    await using to = await tempFolder();
    const { receiver, port } = await startReceiver(to.path);
    await using _receiver = receiver;
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    await conn.write(new TextEncoder().encode('{"name":"a","size":1000}\n'));
    await conn.read(new Uint8Array(100));
    await conn.write(new Uint8Array(500));
    if (how === "dies") {
      await conn.closeWrite();
    } else {
      // The temporary file is there once bytes have been written to it.
      while ((await names(to.path)).length === 0) await new Promise((go) => setTimeout(go, 5));
      receiver.kill(how);
    }
    assertEquals((await receiver.status).code, 1);
    const reason = how === "dies" ? "the other end hung up" : "it was interrupted";
    assertStringIncludes(receiver.stderr, `Cannot receive: ${reason}\n`);
    assertEquals(await names(to.path), []);
  }
});

Deno.test("file transfer: a receiver without a folder says so, and does not wait", async () => {
  await using to = await tempFolder();
  const file = join(to.path, "file");
  await Deno.writeTextFile(file, "");
  for (const [folder, why] of [[join(to.path, "missing"), "(os error 2)"], [file, "no folder"]]) {
    const { code, stdout, stderr } = await runPeer(Deno.execPath(), [
      ...["run", "--allow-net", "--allow-read", "--allow-write", example],
      ...["receive", "--folder", folder, "--port", "0"],
    ]);
    assertEquals([code, stdout], [1, ""]);
    assert(stderr.startsWith("Cannot receive: "), stderr);
    assertStringIncludes(stderr, why);
  }
});

Deno.test("file transfer: the sender tells what is wrong at its end in one line", async () => {
  await using from = await tempFolder();
  const missing = join(from.path, "missing");
  const cases: [string, string, string][] = [
    [missing, "1", "(os error 2)"],
    [from.path, "1", "it is not a file"],
    [example, "1", "ECONNREFUSED"],
  ];
  for (const [path, port, reason] of cases) {
    const { code, stderr } = await runPeer(Deno.execPath(), sender(path, port));
    assertEquals(code, 1);
    assert(stderr.startsWith(`Cannot send "${path}": `), stderr);
    assertStringIncludes(stderr, reason);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }
});

Deno.test("file transfer: a receiver that does not read stops the sender, who reads no further", async () => {
  await using from = await tempFolder();
  const path = join(from.path, "large");
  await Deno.writeFile(path, new Uint8Array(0));
  await Deno.truncate(path, 1_000_000_000);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let done = 0;
  const sending = sendFile(
    path,
    { host: "127.0.0.1", port: listener.addr.port },
    (_, now) => done = now,
  );
  const failed = assertRejects(() => sending, Error, "the other end says: the disk is full");
  using conn = await listener.accept();
  const write = (text: string): Promise<number> => conn.write(new TextEncoder().encode(text));
  await conn.read(new Uint8Array(1000));
  await write('{"ok":true}\n');
  for (let before = -1; before !== done || done === 0;) {
    before = done;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert(done < 50_000_000, `${done} bytes were read from the file`);
  // A refusal in the middle gets through although nothing was read.
  await write('{"error":"the disk is full"}\n');
  const rest = new Uint8Array(1_000_000);
  while (await conn.read(rest).catch(() => null) !== null);
  await failed;
});

Deno.test("file transfer: the line of progress is cut by columns, of which wide letters take two", () => {
  assertEquals(fitting("abc", 3), "abc");
  assertEquals(fitting("abc", 2.5), "ab");
  assertEquals(fitting("汉字.txt", 6), "汉字.t");
  assertEquals(fitting("汉字", 3), "汉");
  assertEquals(fitting("a😀한글ｱ", 7), "a😀한글");
  assertEquals(fitting("été ✓", 5), "été ✓");
});
