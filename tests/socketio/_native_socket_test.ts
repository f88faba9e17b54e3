import { assert, assertEquals, assertRejects } from "@std/assert";
import { NativeEngineSocket } from "../../socketio/_native_socket.ts";
import { SocketIoError } from "../../socketio/errors.ts";

/** As much of the platform's WebSocket as an engine's socket uses, in the test's hands. */
class FakeWebSocket extends EventTarget {
  binaryType = "blob";
  readyState: number = WebSocket.OPEN;
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  readonly closed: unknown[] = [];
  onmessage: (event: { data: unknown }) => void = () => {};
  onerror: (event: unknown) => void = () => {};
  onclose: () => void = () => {};
  onopen: () => void = () => {};
  send(data: unknown): void {
    this.sent.push(data);
  }
  close(code?: number, reason?: string): void {
    this.closed.push([code, reason]);
    this.readyState = WebSocket.CLOSING;
  }
}

function rig(maxMessageSize = 100): {
  fake: FakeWebSocket;
  native: NativeEngineSocket;
  told: unknown[];
  start(): void;
} {
  const fake = new FakeWebSocket();
  const native = new NativeEngineSocket(fake as unknown as WebSocket, maxMessageSize);
  const told: unknown[] = [];
  const host = {
    onSocketMessage: (data: unknown) => void told.push(data),
    onSocketClose: (error: unknown) => void told.push(["close", (error as SocketIoError)?.code]),
    onSocketDrain: () => void told.push("drain"),
  };
  return { fake, native, told, start: () => native.start(host as never) };
}

Deno.test("native socket keeps what comes before it is started, and tells it in order", () => {
  const { fake, told, start } = rig();
  fake.onmessage({ data: "early" });
  fake.onmessage({ data: new Uint8Array([1]).buffer });
  start();
  fake.onmessage({ data: "late" });
  assertEquals(told, ["early", new Uint8Array([1]), "late"]);
  assertEquals(fake.binaryType, "arraybuffer");
});

Deno.test("native socket ends a connection whose message is too large, in bytes", () => {
  for (const large of ["four", "é€", new ArrayBuffer(4)]) {
    const { fake, told, start } = rig(3);
    start();
    fake.onmessage({ data: "€" });
    fake.onmessage({ data: large });
    fake.onmessage({ data: "x" });
    assertEquals(told, ["€", ["close", "ERR_LIMIT"]]);
    assertEquals(fake.closed.length, 1);
  }
});

Deno.test("native socket tells its close once, with the error that came before", () => {
  const { fake, native, told, start } = rig();
  start();
  fake.onerror({ message: "reset" });
  fake.onclose();
  fake.onclose();
  native.terminate();
  assertEquals(told, [["close", "ERR_TRANSPORT"]]);
  const late = rig();
  late.fake.onclose();
  late.start();
  assertEquals(late.told, [["close", undefined]]);
});

Deno.test("native socket sends only while it is open, and says how much waits", () => {
  const { fake, native } = rig();
  native.send("a");
  native.sendText("4", "b");
  fake.bufferedAmount = 65_536;
  assertEquals([native.queued, native.full], [65_536, true]);
  fake.readyState = WebSocket.CLOSING;
  native.send("b");
  assertEquals(fake.sent, ["a", "4b"]);
});

Deno.test("native socket that was full tells when there is room again, unless it is closed", async () => {
  const fake = new FakeWebSocket();
  const native = new NativeEngineSocket(fake as unknown as WebSocket, 100);
  let drains = 0;
  const drained = Promise.withResolvers<void>();
  const looked = Promise.withResolvers<void>();
  native.start({
    onSocketMessage() {},
    onSocketClose() {},
    onSocketDrain() {
      drains++;
      drained.resolve();
    },
  });
  native.watchDrain();
  native.send("a");
  let looks = 0;
  let waiting = 65_536;
  Object.defineProperty(fake, "bufferedAmount", {
    get() {
      if (++looks === 5) looked.resolve();
      return waiting;
    },
  });
  native.send("b");
  native.send("c");
  await looked.promise;
  assertEquals(drains, 0);
  waiting = 0;
  await drained.promise;
  assertEquals([drains, native.full], [1, false]);
  // No timer is left of one that is closed while it is full.
  waiting = 65_536;
  native.send("d");
  fake.onclose();
});

Deno.test("native socket that is full looks for room only once somebody wants to know", async () => {
  const { setTimeout } = globalThis;
  let timers = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    timers++;
    return setTimeout(...args);
  }) as typeof setTimeout;
  const { fake, native, told, start } = rig();
  try {
    start();
    fake.bufferedAmount = 65_536;
    native.send("a");
    assertEquals(timers, 0);
    // It is full already: nothing that is sent later would have it look.
    native.watchDrain();
    native.watchDrain();
    assertEquals(timers, 1);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  fake.bufferedAmount = 0;
  while (told.length === 0) await new Promise((resolve) => setTimeout(resolve));
  assertEquals(told, ["drain"]);
});

Deno.test("native socket closes with the codes that a program may give", () => {
  for (
    const [code, given] of [[1000, 1000], [3001, 3001], [1002, undefined], [undefined, undefined]]
  ) {
    const { fake, native } = rig();
    native.close(code, "why");
    assertEquals(fake.closed, [[given, "why"]]);
    native.close(1000);
    assertEquals(fake.closed.length, 1);
  }
});

Deno.test("native socket is waited for until it is open, or closed", async () => {
  const opening = new FakeWebSocket();
  opening.readyState = WebSocket.CONNECTING;
  const open = NativeEngineSocket.open(opening as unknown as WebSocket, 100);
  opening.onopen();
  assert(await open instanceof NativeEngineSocket);
  const failing = new FakeWebSocket();
  failing.readyState = WebSocket.CONNECTING;
  const failed = NativeEngineSocket.open(failing as unknown as WebSocket, 100);
  failing.onerror({ message: "refused" });
  failing.dispatchEvent(new Event("close"));
  await assertRejects(() => failed, SocketIoError, "refused");
});
