import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { freePort, runPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Arguments of `deno` for a program on its standard input. */
function flags(...allow: string[]): string[] {
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-check",
    `--config=${root}/deno.json`,
    ...allow,
    "-",
  ];
}

Deno.test("own address that may not be bound is an error to catch, for whoever binds it", async () => {
  const program = `
    import { createDatagramSocket, createServer, dial } from "@sluice/sockets/net";
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: 1000 };
    const deeds = [
      () => createDatagramSocket("udp4").bind(0, "127.0.0.1"),
      () => createDatagramSocket("udp6").send("x", 9, "::1"),
      () => createServer(keepAlive).listen(0, "127.0.0.1"),
      () => createServer(keepAlive).listen(0, "localhost"),
      () => dial({ hostname: "127.0.0.1", port: 9 }, { localAddress: "127.0.0.1" }),
    ];
    for (const deed of deeds) {
      try { await deed(); } catch (error) { console.log(error.code, error.cause?.name); }
    }`;
  const { code, stdout, stderr } = await runPeer(
    Deno.execPath(),
    flags("--allow-net=localhost,[::1]"),
    { stdin: program },
  );
  assertEquals([code, stdout], [0, "EPERM NotCapable\n".repeat(5)], stderr);
});

Deno.test("address that may not be sent to is told as such, and not as a broadcast", async () => {
  const program = `
    import { createDatagramSocket } from "@sluice/sockets/net";
    await using socket = await createDatagramSocket("udp4").bind(0, "127.0.0.1");
    try { await socket.send("x", 9, "127.0.0.2"); } catch (error) { console.log(error.code, error.message); }`;
  const { code, stdout, stderr } = await runPeer(
    Deno.execPath(),
    flags("--allow-net=127.0.0.1"),
    { stdin: program },
  );
  const text = 'EPERM Cannot send to "127.0.0.2:9": it needs --allow-net\n';
  assertEquals([code, stdout], [0, text], stderr);
});

Deno.test("own address that may not be bound ends no SOCKS5 server when a client asks for a relay", async () => {
  const port = freePort();
  const program = `
    import { createSocks5Server } from "@sluice/sockets/net";
    const server = createSocks5Server({ udp: true });
    const { hostname, port } = server.listen({ port: Number(Deno.args[0]) });
    const answer = new Uint8Array(64);
    for (let i = 0; i < 2; i++) {
      const client = await Deno.connect({ hostname, port });
      await client.write(new Uint8Array([5, 1, 0]));
      await client.read(answer);
      await client.write(new Uint8Array([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]));
      console.log(await client.read(answer), answer[1]);
      client.close();
    }
    await server.close();`;
  const args = [...flags(`--allow-net=127.0.0.1:${port}`), String(port)];
  const { code, stdout, stderr } = await runPeer(Deno.execPath(), args, { stdin: program });
  assertEquals([code, stdout], [0, "10 2\n10 2\n"], stderr);
});
