import { assert, assertEquals, assertRejects } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { FramingError } from "../../net/framing_error.ts";
import { pair, type PairEnd, type PairOptions } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { SocketFailure } from "../../socket/_failure.ts";
import { type ListenerSettings, ListenerSocket } from "../../socket/_listener_socket.ts";
import type { ReadRequest } from "../../socket/_named_socket.ts";
import { StreamSocket } from "../../socket/_stream_socket.ts";
import { transmission } from "../../socket/_transmission.ts";
import { TransmissionMode } from "../../socket/constants.ts";

const READ: ReadRequest = {
  timeout: undefined,
  signal: undefined,
  maxBytes: 4096,
  receiveDelay: 0,
  encoding: undefined,
};

/** A source whose connections the test makes. */
class Source {
  readonly accepted: number[] = [];
  #waiting: PromiseWithResolvers<Transport>[] = [];
  #ready: (Transport | Error)[] = [];
  calls = 0;
  closed = false;

  accept(): Promise<Transport> {
    this.calls++;
    const next = this.#ready.shift();
    if (next instanceof Error) return Promise.reject(next);
    if (next !== undefined) return Promise.resolve(next);
    const waiting = Promise.withResolvers<Transport>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  #give(what: Transport | Error): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#ready.push(what);
    else if (what instanceof Error) waiting.reject(what);
    else waiting.resolve(what);
  }

  connect(options: PairOptions = {}): PairEnd {
    const [here, there] = pair(options);
    this.#give(here);
    return there;
  }

  fail(error: Error): void {
    this.#give(error);
  }

  close(): void {
    this.closed = true;
    this.#give(new NetError("closed", { code: "ERR_SOCKET_CLOSED" }));
  }
}

function rig(options: Partial<ListenerSettings> = {}) {
  const source = new Source();
  const listener = new ListenerSocket({
    source,
    maxPending: 2,
    transmission: transmission(TransmissionMode.SIZE_HEADER),
    open: (transport, mode) =>
      new StreamSocket(transport, {
        transmission: mode,
        maxMessageBytes: 1000,
        maxInboxBytes: 1000,
        maxSendQueueBytes: 1000,
      }),
    ...options,
  });
  return { source, listener, [Symbol.asyncDispose]: () => listener.close({ timeout: 100 }) };
}

const ended = async (end: Transport) => (await end.read(new Uint8Array(10))) === null;

Deno.test("listener holds so many connections, and leaves the others in the system", async () => {
  await using r = rig();
  const ends = [r.source.connect(), r.source.connect(), r.source.connect()];
  assert(await r.listener.pending({}));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(r.source.calls, 2);
  const first = await r.listener.accept({});
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(r.source.calls, 3);
  await first!.close({});
  for (const end of ends) end.close();
});

Deno.test("listener goes on after a failed accept", async () => {
  await using r = rig();
  r.source.fail(new Error("out of descriptors"));
  const end = r.source.connect();
  assert(await r.listener.pending({ timeout: 5000 }));
  end.close();
});

Deno.test("listener does not rest for clients that reset before they are accepted", async () => {
  const gone = 600;
  await using r = rig();
  for (let i = 0; i < gone; i++) r.source.fail(new Deno.errors.NotConnected("gone"));
  const end = r.source.connect();
  const start = performance.now();
  assert(await r.listener.pending({ timeout: 60_000 }));
  assert(performance.now() - start < gone * 25); // a rest is twice as long
  end.close();
});

Deno.test("listener rests when all that it accepts is gone, and closes", async () => {
  await using r = rig();
  for (let i = 0; i < 20_000; i++) r.source.fail(new Deno.errors.ConnectionReset("broken"));
  let calls = -1;
  // It rests when it has not been called for a while: its rest is longer.
  while (calls !== r.source.calls) {
    calls = r.source.calls;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(calls, 16_385);
});

Deno.test("listener serves those who wait in their order, and those who only look beside them", async () => {
  await using r = rig();
  const looks = r.listener.pending({});
  const first = r.listener.accept({});
  const second = r.listener.accept({ timeout: 5 });
  const end = r.source.connect();
  assert(await looks);
  const stream = await first;
  assert(stream instanceof StreamSocket);
  assertEquals(await second, undefined);
  await stream.close({});
  end.close();
});

Deno.test("listener: a client that can't be made ready is dropped, and its place is free", async () => {
  let prepared = 0;
  await using r = rig({
    maxPending: 1,
    prepare: (transport) => {
      if (++prepared === 1) return Promise.reject(new Error("no TLS"));
      return Promise.resolve(transport);
    },
  });
  const bad = r.source.connect();
  const good = r.source.connect();
  const stream = await r.listener.accept({});
  assert(await ended(bad));
  await good.write(new TextEncoder().encode("1\r\nx"));
  assertEquals(await stream!.read(READ), new Uint8Array([120]));
  await stream!.close({});
  bad.close();
  good.close();
});

Deno.test("listener: a client that takes its time to be made ready gives way to the next one", async () => {
  let prepared = 0;
  await using r = rig({
    prepare: (transport, signal) => {
      if (++prepared > 2) return Promise.resolve(transport);
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
  });
  const [first, second, third] = [r.source.connect(), r.source.connect(), r.source.connect()];
  assertEquals(await r.listener.accept({ timeout: 500 }), undefined);
  const stream = await r.listener.accept({ timeout: 5000 });
  assert(await ended(first));
  await third.write(new TextEncoder().encode("1\r\nx"));
  assertEquals(await stream!.read(READ), new Uint8Array([120]));
  assertEquals(prepared, 3);
  await stream!.close({});
  for (const end of [first, second, third]) end.close();
});

Deno.test("listener: close gives up clients that are being made ready, and those that wait", async () => {
  const r = rig({
    prepare: (transport, signal) =>
      new Promise((resolve, reject) => {
        // One that is ready at the wrong moment is closed, too.
        signal.addEventListener("abort", () => reject(signal.reason));
        late = () => resolve(transport);
      }),
  });
  let late = () => {};
  const end = r.source.connect();
  await new Promise((resolve) => setTimeout(resolve, 0));
  const waits = [r.listener.pending({}), r.listener.accept({}), r.listener.read(READ)];
  const settled = Promise.allSettled(waits);
  await r.listener.close({});
  await r.listener.close({});
  late();
  for (const result of await settled) {
    assert(result.status === "rejected" && result.reason instanceof SocketFailure);
  }
  assert(r.source.closed);
  assert(await ended(end));
  end.close();
  await assertRejects(() => r.listener.pending({}), SocketFailure);
});

Deno.test("listener: close waits for the clients that are being closed already", async () => {
  const r = rig();
  const first = r.source.connect({ capacity: 100 });
  await first.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await assertRejects(() => r.listener.read(READ), FramingError);
  // More than it takes: closing the former client waits for this.
  const answer = new Uint8Array(900).fill(7);
  const written = r.listener.write(answer, { address: undefined, port: undefined });
  const reading = r.listener.read(READ).catch(() => {});
  let closed = false;
  const closing = r.listener.close({}).then(() => closed = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(closed, false);
  const p = new Uint8Array(2000);
  while (await first.read(p) !== null);
  await Promise.all([closing, reading, written]);
  first.close();
});

Deno.test("listener: close closes the connections that nobody accepted", async () => {
  const r = rig();
  const end = r.source.connect();
  await r.listener.pending({});
  await r.listener.close({});
  assert(await ended(end));
  end.close();
});

Deno.test("listener: the client of the simplified server gets the rest of the reader's time", async () => {
  await using r = rig();
  const end = r.source.connect();
  const began = performance.now();
  assertEquals(await r.listener.read({ ...READ, timeout: 30 }), undefined);
  assert(performance.now() - began < 5000);
  assertEquals(r.listener.client?.peer().address, r.listener.peer()?.address);
  await end.write(new TextEncoder().encode("1\r\nx"));
  assertEquals(await r.listener.read(READ), new Uint8Array([120]));
  // What can't be written to it is told to the writer.
  const elsewhere = { address: "192.0.2.1", port: 1 };
  const error = await assertRejects(
    () => r.listener.write(new Uint8Array(1), elsewhere),
    SocketFailure,
  );
  assertEquals(error.kind, "WRONG_KIND");
  end.close();
});

Deno.test("listener: a client of the simplified server that sends what is no message is told of once, and gives way", async () => {
  await using r = rig();
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const first = r.source.connect();
  const second = r.source.connect();
  await first.write(bytes("GET / HTTP/1.1\r\n\r\n"));
  await second.write(bytes("3\r\ntwo"));
  await assertRejects(() => r.listener.read(READ), FramingError);
  // It can still be answered, or be read in another mode.
  await r.listener.write(bytes("?"), { address: undefined, port: undefined });
  r.listener.transmission = transmission(TransmissionMode.END_MARKER, "\r\n");
  assertEquals(await r.listener.read(READ), bytes("GET / HTTP/1.1"));
  r.listener.transmission = transmission(TransmissionMode.SIZE_HEADER);
  await assertRejects(() => r.listener.read(READ), FramingError);
  assertEquals(await r.listener.read(READ), bytes("two"));
  for (const end of [first, second]) end.close();
});
