import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { listenArguments, openListener } from "../../net/_listen.ts";
import { NetError } from "../../net/errors.ts";

Deno.test("listen arguments come in all of Node's forms", () => {
  const listener = (): void => {};
  const options = (...args: unknown[]): unknown => {
    const { host, port, path, backlog } = listenArguments(args).options;
    return [port, host, path, backlog];
  };
  assertEquals(options(80), [80, undefined, undefined, undefined]);
  assertEquals(options("80", "h", 5, listener), [80, "h", undefined, 5]);
  assertEquals(options(80, 5), [80, undefined, undefined, 5]);
  assertEquals(options("/x.sock", 5), [undefined, undefined, "/x.sock", 5]);
  assertEquals(options({ path: "/x.sock" }), [undefined, undefined, "/x.sock", undefined]);
  assertEquals(listenArguments([listener]).listener, listener);
  for (const wrong of [-1, 65_536, 1.5]) {
    assertThrows(() => listenArguments([wrong]), RangeError);
    assertThrows(() => listenArguments([{ port: wrong }]), RangeError);
  }
  assertThrows(() => listenArguments([{ path: "" }]), TypeError);
});

Deno.test("a listener that can't be opened says why, with Node's code", async () => {
  const open = async (options: Parameters<typeof openListener>[0]): Promise<void> =>
    (await openListener(options, false)).close();
  const foreign = await assertRejects(() => open({ port: 0, host: "192.0.2.1" }), NetError);
  assertEquals([foreign.code, foreign.syscall], ["EADDRNOTAVAIL", "listen"]);
  await open({ port: 0, host: "127.0.0.1" });
  if (Deno.build.os === "windows") return;
  const nowhere = await assertRejects(() => open({ path: "/no/such/folder/x.sock" }), NetError);
  assertEquals(nowhere.code, "ENOENT");
});
