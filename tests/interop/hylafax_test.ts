import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { freePort, peerTest, runPeer, spawnPeer, tempFolder } from "../_support/peers.ts";

const FAXQ = "/usr/sbin/faxq";
const HFAXD = "/usr/sbin/hfaxd";
const SPOOL = "/var/spool/hylafax";
const ROOT = {
  name: "root, to own a spool folder as the fax system's user",
  found: (): boolean => Deno.build.os !== "windows" && Deno.uid() === 0,
};
const LETTER =
  "%!PS\n/Helvetica findfont 24 scalefont setfont 72 700 moveto (Hello) show showpage\n";

/** A real fax server with a spool of its own, without a modem: jobs wait in its queue. */
async function startServer(): Promise<
  { port: number; spool: string; folder: string } & AsyncDisposable
> {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await tempFolder());
  await Deno.chmod(folder, 0o755);
  const spool = `${folder}/spool`;
  const setup =
    `set -e; cp -a ${SPOOL} ${spool}; cp -a /etc/hylafax/. ${spool}/etc/; rm -f ${spool}/FIFO
    chown -R uucp:uucp ${spool}/etc; mkfifo -m 600 ${spool}/FIFO; chown uucp:uucp ${spool}/FIFO`;
  const { code, stderr } = await runPeer("sh", ["-c", setup]);
  assertEquals([code, stderr], [0, ""]);
  const port = freePort();
  stack.use(await spawnPeer(FAXQ, ["-D", "-q", spool]));
  stack.use(await spawnPeer(HFAXD, ["-d", "-q", spool, "-i", String(port)], { ready: port }));
  const owned = stack.move();
  return { port, spool, folder, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Runs the example as its user would. */
function sendFax(port: number, ...args: string[]): ReturnType<typeof runPeer> {
  const example = fileURLToPath(new URL("../../examples/send_fax.ts", import.meta.url));
  const server = ["--server", `127.0.0.1:${port}`, "--user", "alice"];
  const run = ["run", "--no-check", "--allow-net=127.0.0.1", "--allow-read", example];
  return runPeer(Deno.execPath(), [...run, ...server, ...args], { timeout: 60_000 });
}

const needs = [FAXQ, HFAXD, "mkfifo", ROOT];

peerTest("send_fax queues a job with the right number, tells its state, and cancels it", {
  needs,
}, async () => {
  await using server = await startServer();
  const letter = `${server.folder}/letter.ps`;
  await Deno.writeTextFile(letter, LETTER);
  const sent = await sendFax(server.port, "--to", "0123456789", "--days", "2", letter);
  assertEquals(sent.code, 0, sent.stderr);
  assertStringIncludes(sent.stdout, `Sent ${LETTER.length} bytes`);
  const id = /Job (\d+) is queued for 0123456789/.exec(sent.stdout)?.[1] ?? "none";

  const queued = await Deno.readTextFile(`${server.spool}/sendq/q${id}`);
  assertMatch(queued, /^number:0123456789$/m);
  assertMatch(queued, /^owner:alice$/m);
  const document = /^postscript:\d*:[^:]*:(\S+)$/m.exec(queued)?.[1] ?? "none";
  assertEquals(await Deno.readTextFile(`${server.spool}/${document}`), LETTER);

  const state = await sendFax(server.port, "--state", id);
  assertMatch(state.stdout, new RegExp(`^Job ${id} to 0123456789: `));
  const cancelled = await sendFax(server.port, "--cancel", id);
  assertEquals([cancelled.code, cancelled.stdout], [0, `Job ${id} is cancelled\n`]);
  const gone = await sendFax(server.port, "--state", id);
  assertEquals([gone.code, gone.stdout], [1, `There is no job ${id}\n`]);
});

peerTest("send_fax says clearly what a fax server refuses and what it can't send", {
  needs,
}, async () => {
  await using server = await startServer();
  const text = `${server.folder}/plain.txt`;
  await Deno.writeTextFile(text, "not a document");
  const form = await sendFax(server.port, "--to", "1", text);
  assertEquals(form.code, 1);
  assertStringIncludes(form.stderr, "neither PostScript nor PDF nor TIFF");
  const letter = `${server.folder}/letter.ps`;
  await Deno.writeTextFile(letter, LETTER);
  const number = await sendFax(server.port, "--to", "12\r\nQUIT", letter);
  assertStringIncludes(number.stderr, "that is no telephone number");
  const job = await sendFax(server.port, "--cancel", "4711");
  assertEquals(job.code, 1);
  assertMatch(job.stderr, /Cannot cancel the job: the fax server answered \d{3} /);
});

/** Sends a letter as its user would who waits until the job is done. */
async function sendAndWait(
  { port, folder }: { port: number; folder: string },
): ReturnType<typeof spawnPeer> {
  const letter = `${folder}/letter.ps`;
  await Deno.writeTextFile(letter, LETTER);
  const example = fileURLToPath(new URL("../../examples/send_fax.ts", import.meta.url));
  return await spawnPeer(Deno.execPath(), [
    "run",
    "--no-check",
    "--allow-net=127.0.0.1",
    "--allow-read",
    example,
    ...["--server", `127.0.0.1:${port}`, "--user", "alice", "--wait", "--to", "42", letter],
  ], { ready: /Job \d+ to 42: / });
}

peerTest("send_fax --wait cancels the job when it is interrupted", { needs }, async () => {
  await using server = await startServer();
  await using fax = await sendAndWait(server);
  Deno.kill(fax.pid, "SIGINT");
  await fax.waitFor(/Job \d+ is cancelled/);
  assertEquals((await fax.status).code, 1);
});

peerTest("send_fax --wait fails when the job is cancelled by another one", { needs }, async () => {
  await using server = await startServer();
  await using fax = await sendAndWait(server);
  const [, id] = await fax.waitFor(/Job (\d+) to 42: /);
  assertEquals((await sendFax(server.port, "--cancel", id)).code, 0);
  await fax.waitFor(/Job \d+ is gone/);
  assertEquals((await fax.status).code, 1);
});
