import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type {
  ClientTransport,
  ClientTransportHost,
  ClientTransportOptions,
} from "../../socketio/_client_transport.ts";
import { PollingClient } from "../../socketio/_polling_client.ts";
import { WebSocketClient } from "../../socketio/_websocket_client.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import {
  type StubFetch,
  stubOptions,
  type StubWebSocket,
} from "../_support/engine_client_stubs.ts";

class Host implements ClientTransportHost {
  readonly log: string[] = [];
  error: Error | undefined;
  readonly closed = Promise.withResolvers<void>();

  onTransportOpen(): void {
    this.log.push("open");
  }

  onTransportPacket(_: ClientTransport, { type, data }: { type: string; data?: unknown }): void {
    this.log.push(data === undefined ? type : `${type} ${data}`);
  }

  onTransportDrain(): void {
    this.log.push("drain");
  }

  onTransportClose(_: ClientTransport, error: Error | undefined): void {
    this.log.push("close");
    this.error = error;
    this.closed.resolve();
  }
}

/** A transport that is open, and its server. */
interface Opened {
  transport: ClientTransport;
  host: Host;
  /** The server sends a message. */
  receive(text: string): Promise<void>;
  /** What the server got since the last look. */
  sent(): Promise<unknown[]>;
  /** The server goes. */
  lose(): void;
}

type Open = (options?: Partial<ClientTransportOptions>) => Promise<Opened>;

const openPolling: Open = async (init) => {
  const { http, options } = stubOptions(init);
  const host = new Host();
  const transport = new PollingClient(options, host);
  transport.sid = "s1";
  transport.open();
  let poll = await http.next();
  return {
    transport,
    host,
    async receive(text) {
      poll.answer(text);
      poll = await nextOrClosed(http, host) ?? poll;
    },
    async sent() {
      const post = await http.next();
      post.answer("ok");
      return post.body.split("\x1e");
    },
    lose: () => poll.fail(new TypeError("lost")),
  };
};

function nextOrClosed(http: StubFetch, host: Host) {
  return Promise.race([http.next(), host.closed.promise.then(() => undefined)]);
}

const openWebSocket: Open = (init) => {
  const { sockets, options } = stubOptions(init);
  const host = new Host();
  const transport = new WebSocketClient(options, host, "s1");
  transport.open();
  const [socket]: StubWebSocket[] = sockets;
  socket.accept();
  assertEquals(host.log.splice(0), ["open"]);
  return Promise.resolve({
    transport,
    host,
    receive: (text) => Promise.resolve(socket.receive(text)),
    sent: () => Promise.resolve(socket.take()),
    lose: () => socket.end(1006),
  });
};

/** What every transport has to do. */
for (const [name, open] of [["polling", openPolling], ["websocket", openWebSocket]] as const) {
  Deno.test(`client transport ${name} carries packets in order`, async () => {
    const { transport, host, receive, sent } = await open();
    assertEquals([transport.name, transport.writable, transport.buffered], [name, true, 0]);
    await receive("4a");
    transport.send([{ type: "message", data: "b" }, { type: "pong" }]);
    assertEquals(await sent(), ["4b", "3"]);
    await receive("2");
    assertEquals(host.log.filter((entry) => entry !== "drain"), ["message a", "ping"]);
    const closing = transport.close();
    if (name === "polling") assertEquals(await sent(), ["1"]);
    await closing;
  });

  Deno.test(`client transport ${name} says nothing after its close, and closes twice`, async () => {
    const { transport, host, receive, sent } = await open();
    const closing = transport.close();
    const again = transport.close();
    if (name === "polling") await sent();
    else await receive("4late");
    await Promise.all([closing, again]);
    assertEquals([host.log, transport.writable], [[], false]);
  });

  Deno.test(`client transport ${name} tells once that the server went`, async () => {
    const { transport, host, lose } = await open();
    lose();
    lose();
    await host.closed.promise;
    await transport.close();
    assertEquals(host.log, ["close"]);
    assertInstanceOf(host.error, SocketIoError);
    assertEquals([host.error.code, transport.writable], ["ERR_TRANSPORT", false]);
  });

  Deno.test(`client transport ${name} takes no more bytes than it may`, async () => {
    const { transport, host, receive } = await open({ maxHttpBufferSize: 10 });
    await receive("4" + "x".repeat(9));
    await receive("4" + "x".repeat(10));
    await host.closed.promise;
    assertEquals(host.log, ["message xxxxxxxxx", "close"]);
    assertInstanceOf(host.error, SocketIoError);
    assertEquals(host.error.code, "ERR_LIMIT");
    await transport.close();
  });

  Deno.test(`client transport ${name} ends at what is no packet`, async () => {
    const { transport, host, receive } = await open();
    await receive("x");
    await host.closed.promise;
    assertEquals(host.log, ["close"]);
    assertInstanceOf(host.error, SocketIoError);
    await transport.close();
  });

  Deno.test(`client transport ${name} stops for another once nothing is under way`, async () => {
    const { transport, host, receive } = await open();
    const paused = Promise.withResolvers<void>();
    let done = false;
    transport.pause(() => {
      done = true;
      paused.resolve();
    });
    assertEquals(done, name === "websocket");
    // The next request never comes: what ends it is the answer to this one.
    if (name === "polling") void receive("6");
    await paused.promise;
    await transport.close();
    assert(!host.log.includes("close"));
  });
}
