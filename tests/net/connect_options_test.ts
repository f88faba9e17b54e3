import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../net/connect.ts";
import type { ConnectOptions } from "../../net/connect_options.ts";
import { createServer } from "../../net/create_server.ts";
import { NetError } from "../../net/errors.ts";

Deno.test("connect options: the own address and the family are honoured", async () => {
  const server = await createServer((socket) => socket.end(socket.remoteAddress ?? ""))
    .listen(0, "127.0.0.1");
  const { port } = server;
  const host = "127.0.0.1";
  const from = async (options: ConnectOptions): Promise<string> =>
    (await Array.fromAsync(connect({ port, host, ...options }))).join("");
  if (Deno.build.os === "linux") {
    assertEquals(await from({ localAddress: "127.0.0.9" }), "127.0.0.9");
  }
  assertEquals(await from({ family: 4 }), "127.0.0.1");
  await assertRejects(() => from({ family: 6 }), NetError);
  await server.close();
});

Deno.test("connect options: connectTimeout covers the name's lookup", async () => {
  const socket = connect({
    port: 1,
    host: "slow.example",
    connectTimeout: 1,
    lookup: () => new Promise<string[]>(() => {}),
  });
  const error = await assertRejects(() => socket.opened, NetError);
  assertEquals(error.code, "ETIMEDOUT");
});

Deno.test("connect options: timeout is the idle timeout", async () => {
  const server = await createServer((socket) => void socket.resume()).listen(0, "127.0.0.1");
  const socket = connect({ port: server.port, host: "127.0.0.1", timeout: 5 });
  await new Promise<void>((resolve) => socket.once("timeout", resolve));
  socket.destroy();
  await server.close({ drain: 1000 });
});
