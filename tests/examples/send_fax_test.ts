import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { documentForm, HylaFaxClient, HylaFaxError } from "../../examples/_hylafax.ts";

/**
 * A fax server that opens its data connections, and then neither reads nor sends anything on them but `list`. Commands
 * are answered with `replies` where it has them.
 */
async function stalledServer(
  replies: Record<string, string> = {},
  list = "",
): Promise<AsyncDisposable & { port: number }> {
  const stack = new AsyncDisposableStack();
  const listen = async (server: ReturnType<typeof createServer>): Promise<number> => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    stack.defer(() => void server.close());
    return (server.address() as AddressInfo).port;
  };
  const data = await listen(createServer({ pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
    stack.defer(() => void socket.destroy());
    if (list !== "") socket.end(list);
  }));
  const answers: Record<string, string> = {
    USER: "230 User logged in.",
    PASV: `227 Entering passive mode (127,0,0,1,${data >> 8},${data & 255})`,
    STOT: "150 FILE: /tmp/doc1 (Opening new data connection).",
    LIST: "150 Opening new data connection.",
    QUIT: "221 Goodbye.",
    ...replies,
  };
  const port = await listen(createServer((socket) => {
    stack.defer(() => void socket.destroy());
    socket.on("error", () => {});
    socket.write("220 ready.\r\n");
    socket.on("data", (chunk) => {
      const [command] = chunk.toString().trim().split(" ");
      socket.write(`${answers[command] ?? "200 OK."}\r\n`);
    });
  }));
  return { port, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("send_fax knows documents by their first bytes", () => {
  const form = (text: string): string => documentForm(new TextEncoder().encode(text));
  assertEquals(["%!PS-Adobe", "%PDF-1.7", "II*\0", "MM\0*"].map(form), [
    "PS",
    "PDF",
    "TIFF",
    "TIFF",
  ]);
  for (const text of ["MMS to all", "II*nd floor", "MM", ""]) {
    assertThrows(() => form(text), TypeError);
  }
});

Deno.test("send_fax shows nothing of a server that could steer the terminal", async () => {
  await using server = await stalledServer(
    { LIST: "150 Opening.\r\n226 Done.", JSUSP: "500 no\x1b[2J", JKILL: "504 \x9b2Jno job" },
    "7|F|\x1b[31m555|1|2|\x1b]0;title\x07busy\r\n",
  );
  const { port } = server;
  await using client = await HylaFaxClient.connect({ hostname: "127.0.0.1", port, user: "alice" });
  assertEquals(await client.state("7"), {
    id: "7",
    state: "F",
    number: "?[31m555",
    pages: "1",
    dials: "2",
    status: "?]0;title?busy",
  });
  const { message } = await assertRejects(() => client.cancel("7"), HylaFaxError);
  assertEquals(message, "Cannot cancel the job: the fax server answered 504 ?2Jno job");
});

Deno.test("send_fax gives up on a server that stalls in a transfer", async () => {
  await using server = await stalledServer();
  const stop = new AbortController();
  await using client = await HylaFaxClient.connect({
    hostname: "127.0.0.1",
    port: server.port,
    user: "alice",
    signal: stop.signal,
  });
  setTimeout(() => stop.abort(), 100);
  const error = await assertRejects(() => client.state("1"), Error);
  assertEquals((error as { code?: string }).code, "ABORT_ERR");
});

for (const size of [4_000_000, 4_200_000, 8_000_000]) {
  Deno.test(`send_fax gives up on a server that does not take ${size} bytes`, async () => {
    await using server = await stalledServer();
    await using client = await HylaFaxClient.connect({
      hostname: "127.0.0.1",
      port: server.port,
      user: "alice",
      timeout: 100,
    });
    const document = new Uint8Array(size);
    document.set(new TextEncoder().encode("%!PS"));
    const error = await assertRejects(() => client.send({ number: "1", document }), Error);
    assertEquals((error as { code?: string }).code, "ETIMEDOUT");
  });
}
