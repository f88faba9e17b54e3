import { assert, assertEquals } from "@std/assert";
import { connectSocketIo } from "../../socketio/connect.ts";
import * as client from "../../socketio/client.ts";
import { runPeer } from "../_support/peers.ts";

// As a URL: of a path on Windows the drive's letter would be a scheme.
const file = new URL("../../socketio/client.ts", import.meta.url).href;

Deno.test("client alone is the client of the whole module", () => {
  assert(client.connectSocketIo === connectSocketIo);
  assertEquals(new client.SocketIoError("ERR_TIMEOUT", "late").code, "ERR_TIMEOUT");
});

Deno.test("client alone takes nothing of Deno or Node, nor of the server", async () => {
  const { code, stdout, stderr } = await runPeer(Deno.execPath(), ["info", "--json", file]);
  assertEquals(code, 0, stderr);
  const modules: { specifier: string; local?: string }[] = JSON.parse(stdout).modules;
  assert(modules.length > 10);
  for (const { specifier, local } of modules) {
    assert(specifier.startsWith("file:"), specifier);
    assert(!/\/(server|engine|namespace|socket|_front_door)\.ts$/.test(specifier), specifier);
    // The name of a symbol, which is anybody's, is nothing of Deno.
    const code = (await Deno.readTextFile(local!))
      .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$|"Deno\.customInspect"/gm, "");
    assertEquals(code.match(/\bDeno\b/), null, specifier);
  }
});

Deno.test("client alone goes through no proxy, and says what does", async () => {
  const script = `
    const { connectSocketIo } = await import(Deno.args[0]);
    try {
      connectSocketIo("http://127.0.0.1:1", { proxy: "socks5://ann:s3cret@127.0.0.1" });
    } catch (error) {
      console.log(error.name, error.message);
    }`;
  const { stdout, stderr } = await runPeer(Deno.execPath(), ["eval", "--quiet", script, file]);
  assertEquals(
    [stdout, stderr],
    [
      "TypeError Cannot use the option proxy: the client alone can't; import @sluice/sockets/socketio\n",
      "",
    ],
  );
});
