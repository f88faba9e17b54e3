// What is said to run in browsers, in one: bundled as a user would, and loaded by a page.
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { ByteBuffer } from "../../buffer/mod.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { BROWSER_TEST } from "../_support/browser.ts";
import { startChromium } from "../_support/chromium.ts";
import { peerTest, runPeer, tempFolder } from "../_support/peers.ts";

/** Makes one script of a module and all that it imports. */
async function bundle(path: string): Promise<string> {
  await using folder = await tempFolder();
  const output = `${folder.path}/bundle.js`;
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const args = ["bundle", "--quiet", "--platform=browser", `--output=${output}`, file];
  const { code, stderr } = await runPeer(Deno.execPath(), args, { timeout: 60_000 });
  assertEquals([code, stderr], [0, ""]);
  return await Deno.readTextFile(output);
}

function script(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/javascript" } });
}

peerTest(
  "the Socket.IO client alone runs in Chromium, by polling and by WebSocket",
  BROWSER_TEST,
  async () => {
    const client = await bundle("socketio/client.ts");
    const io = new SocketIoServer();
    io.on("connection", (socket) => {
      socket.on("sum", (a, b, done) => done(a + b));
      socket.on("turned", (bytes: Uint8Array, done) => done(bytes.toReversed()));
      socket.on("join", async (room, done) => {
        await socket.join(room);
        done();
        io.to(room).emit("news", `${room} has somebody`, new Uint8Array([1, 2, 3]));
      });
    });
    const { port } = await io.listen({
      hostname: "127.0.0.1",
      handler: ({ url }) =>
        url.endsWith("/client.js")
          ? script(client)
          : new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
    });
    try {
      await using chromium = await startChromium();
      const { page, errors } = chromium;
      await page.goto(`http://127.0.0.1:${port}/`);
      for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
        // It runs in the page.
        const seen = await page.evaluate(async (transports) => {
          const { connectSocketIo } = await import(`${location.origin}/client.js`);
          const socket = connectSocketIo(location.origin, { transports, multiplex: false });
          const patient = socket.timeout(10_000);
          const sum = await patient.emitWithAck("sum", 2, 3);
          const turned = await patient.emitWithAck("turned", new Uint8Array([7, 8, 9]));
          const news = new Promise<unknown[]>((resolve) =>
            socket.once("news", (...args: unknown[]) => resolve(args))
          );
          await patient.emitWithAck("join", "garden");
          const [text, bytes] = await news;
          while (transports.length > 1 && socket.io.engine.transport.name !== "websocket") {
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
          const { name } = socket.io.engine.transport;
          const ended = new Promise<unknown>((resolve) => socket.once("disconnect", resolve));
          await socket.close();
          const list = (bytes: unknown) => [...new Uint8Array(bytes as ArrayBuffer)];
          return { sum, turned: list(turned), text, bytes: list(bytes), name, ended: await ended };
        }, transports);
        assertEquals(seen, {
          sum: 5,
          turned: [9, 8, 7],
          text: "garden has somebody",
          bytes: [1, 2, 3],
          name: transports.at(-1),
          ended: "io client disconnect",
        });
      }
      assertEquals(errors, []);
    } finally {
      await io.close();
    }
  },
);

peerTest(
  "buffers that are written in Chromium are read here, and the other way round",
  BROWSER_TEST,
  async () => {
    const module = await bundle("buffer/mod.ts");
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      ({ url }) =>
        url.endsWith("/buffer.js")
          ? script(module)
          : new Response("<!doctype html>", { headers: { "content-type": "text/html" } }),
    );
    await using chromium = await startChromium();
    const { page, errors } = chromium;
    await page.goto(`http://127.0.0.1:${server.addr.port}/`);
    const encodings = ["utf8", "utf16", "utf32", "latin1", "latin2", "windows-1252"] as const;
    for (const encoding of encodings) {
      for (const order of ["little", "big"] as const) {
        const fill = (buffer: ByteBuffer): string =>
          buffer.writeInt8(-5).writeUint24(0xabcdef).writeUint64(2n ** 63n + 1n).writeFloat16(
            1.5,
          )
            .writeFloat64(Math.PI).writeZigzag(-300).writeString("Grüße, Ünë").toHex();
        const here = fill(new ByteBuffer(encoding, order));
        const there = await page.evaluate(async ({ encoding, order, here }) => {
          const { ByteBuffer } = await import(`${location.origin}/buffer.js`);
          const hex = new ByteBuffer(encoding, order)
            .writeInt8(-5).writeUint24(0xabcdef).writeUint64(2n ** 63n + 1n).writeFloat16(1.5)
            .writeFloat64(Math.PI).writeZigzag(-300).writeString("Grüße, Ünë").toHex();
          const came = new ByteBuffer(encoding, order);
          came.write(Uint8Array.from(here.match(/../g)!, (pair) => parseInt(pair, 16)));
          const values = [
            came.readInt8(),
            came.readUint24(),
            String(came.readUint64()),
            came.readFloat16(),
            came.readFloat64(),
            came.readZigzag(),
            came.readString(),
          ];
          return { hex, values };
        }, { encoding, order, here });
        assertEquals(there.hex, here);
        assertEquals(there.values, [
          ...[-5, 0xabcdef, String(2n ** 63n + 1n), 1.5, Math.PI, -300],
          "Grüße, Ünë",
        ]);
      }
    }
    assertEquals(errors, []);
  },
);
