import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { clientFileName, serveClientFile } from "../../socketio/_client_files.ts";
import { StubExchange } from "../_support/engine_stubs.ts";
import { reported } from "../_support/console_errors.ts";
import { runPeer } from "../_support/peers.ts";

const NAME = "socket.io.min.js";

async function get(
  name: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<StubExchange & { headers: Record<string, string>; body: Uint8Array | undefined }> {
  const exchange = new StubExchange(method, "", "", headers);
  await serveClientFile(name, exchange);
  return await exchange.answered as never;
}

Deno.test("client files are those of the list, below the path", () => {
  assertEquals(clientFileName("/socket.io/socket.io.js", "/socket.io"), "socket.io.js");
  assertEquals(
    clientFileName("/a/socket.io.esm.min.js.map", "/a"),
    "socket.io.esm.min.js.map",
  );
  for (
    const path of [
      "/socket.io/",
      "/socket.io",
      "/socket.iosocket.io.js",
      "/other/socket.io.js",
      "/socket.io/x/socket.io.js",
      "/socket.io/../package.json",
      "/socket.io/package.json",
      "/socket.io/constructor",
    ]
  ) assertEquals(clientFileName(path, "/socket.io"), undefined, path);
});

Deno.test("client file is served, compressed only for who takes it", async () => {
  const plain = await get(NAME);
  assertEquals(plain.status, 200);
  assertEquals(plain.headers["Content-Type"], "application/javascript; charset=utf-8");
  assertEquals(plain.headers["Vary"], "Accept-Encoding");
  assertEquals(plain.headers["Content-Encoding"], undefined);
  assertStringIncludes(new TextDecoder().decode(plain.body), "Socket.IO v4");
  const zipped = await get(NAME, { "accept-encoding": "br, gzip;q=0.5" });
  assertEquals(zipped.headers["Content-Encoding"], "gzip");
  assertLess(zipped.body!.length, plain.body!.length);
  assertEquals(new Uint8Array(gunzipSync(zipped.body!)), new Uint8Array(plain.body!));
  for (const accepted of ["identity", "gzip;q=0", "gzip; q=0.0, br", "xgzipx"]) {
    const { headers } = await get(NAME, { "accept-encoding": accepted });
    assertEquals(headers["Content-Encoding"], undefined, accepted);
  }
});

Deno.test("client file is not sent again to who has it", async () => {
  for (const accepted of ["identity", "gzip"]) {
    const asked = { "accept-encoding": accepted };
    const etag = String((await get(NAME, asked)).headers["ETag"]);
    assertMatch(etag, accepted === "gzip" ? /^"4\.\d+\.\d+-gzip"$/ : /^"4\.\d+\.\d+"$/);
    for (const match of [etag, `W/${etag}`, `"a", W/${etag} ,"b,c"`, "*", " * "]) {
      const { status, body, headers } = await get(NAME, { ...asked, "if-none-match": match });
      assertEquals([status, body, headers["ETag"]], [304, undefined, etag], match);
    }
    const other = accepted === "gzip" ? etag.replace("-gzip", "") : etag.replace(/"$/, '-gzip"');
    for (const match of ['"1.0.0"', other, `"*"`, etag.slice(1, -1), ""]) {
      assertEquals((await get(NAME, { ...asked, "if-none-match": match })).status, 200, match);
    }
  }
});

Deno.test("client file is told of as it is, by what sends no body to HEAD, and taken by no other method", async () => {
  const head = await get(NAME, {}, "HEAD");
  assertEquals([head.status, head.body], [200, (await get(NAME)).body]);
  assert(head.headers["ETag"]);
  const post = await get(NAME, {}, "POST");
  assertEquals([post.status, post.headers["Allow"]], [405, "GET, HEAD"]);
});

Deno.test("client file's map is JSON", async () => {
  const { headers, body } = await get(`${NAME}.map`);
  assertEquals(headers["Content-Type"], "application/json; charset=utf-8");
  assertEquals(JSON.parse(new TextDecoder().decode(body)).version, 3);
});

Deno.test("client file that can't be read is not found, and the program is told why, each time", async () => {
  for (let i = 0; i < 2; i++) {
    let status: number | undefined;
    const errors = await reported(async () => {
      status = (await get("no_such_file.js")).status;
    });
    assertEquals(status, 404);
    assertEquals(errors.length, 1);
    assertStringIncludes(String(errors[0]), "Cannot serve no_such_file.js: ");
  }
});

Deno.test("client file that may not be read has nobody asked for the permission", async () => {
  // On a terminal the question would stop the server until somebody answers.
  const program = `
    import { SocketIoServer } from "@sluice/sockets/socketio";
    const read = Deno.readFile;
    Deno.readFile = (...args) => (console.log("asked"), read(...args));
    const io = new SocketIoServer();
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    const response = await fetch("http://127.0.0.1:" + port + "/socket.io/socket.io.js");
    console.log(response.status, await response.text());
    await io.close();`;
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const flags = ["--quiet", "--no-prompt", "--no-check", `--config=${config}`];
  const args = ["run", ...flags, "--allow-net=127.0.0.1", "-"];
  const { code, stdout, stderr } = await runPeer(Deno.execPath(), args, { stdin: program });
  assertEquals([code, stdout], [0, "404 \n"], stderr);
  assertStringIncludes(stderr, "needs --allow-read");
});

Deno.test("client file that could not be read is read anew the next time", async () => {
  const name = "socket.io.esm.min.js";
  const { readFile } = Deno;
  Deno.readFile = () => Promise.reject(new Deno.errors.NotFound("not yet"));
  try {
    assertEquals((await reported(() => get(name))).length, 1);
  } finally {
    Deno.readFile = readFile;
  }
  assertEquals((await get(name)).status, 200);
});
