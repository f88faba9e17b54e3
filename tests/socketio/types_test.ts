import { assertEquals } from "@std/assert";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import type { SocketIoClientSocket } from "../../socketio/client_socket.ts";
import type { SocketIoNamespace } from "../../socketio/namespace.ts";
import type { SocketIoSocket, SocketNamespace } from "../../socketio/socket.ts";
import type {
  AckAnswers,
  AckResult,
  AckWithError,
  AckWithResponses,
  AllButLast,
  EngineHeaders,
  EngineRequest,
  EventArgs,
  EventNames,
  EventNamesWithAck,
  FirstAnswer,
  IsAny,
  LastOf,
  SocketIoHandshake,
  TimeoutEventMap,
  Untyped,
} from "../../socketio/types.ts";

interface Events {
  news: (text: string, at: number) => void;
  sum: (a: number, b: number, done: (result: number) => void) => void;
}

/** Compiles only where the two types are the same; both ways, so that neither is `any`. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

Deno.test("the types of events say what their listeners and acknowledgements get", () => {
  const proofs: [
    Same<EventNames<Events>, "news" | "sum">,
    Same<EventArgs<Events, "news">, [text: string, at: number]>,
    Same<LastOf<[1, 2, 3]>, 3>,
    Same<AllButLast<[1, 2, 3]>, [1, 2]>,
    Same<IsAny<unknown>, false>,
    Same<AckResult<Events, "sum">, number>,
    Same<AckResult<TimeoutEventMap<Events>, "sum">, number>,
    Same<FirstAnswer<[error: Error, text: string]>, string>,
    Same<FirstAnswer<[text: string | null]>, string | null>,
    Same<AckWithError<[(x: number) => void]>, [(error: Error | null, x: number) => void]>,
    Same<
      AckWithResponses<[(x: number) => void]>,
      [(error: Error | null, responses: number[]) => void]
    >,
  ] = [true, true, true, true, true, true, true, true, true, true, true];
  assertEquals(proofs.every((proof) => proof), true);
});

Deno.test("the headers of which there is one are texts by their types, and all others may be lists", () => {
  const proofs: [
    Same<SocketIoHandshake["headers"]["authorization" | "cookie" | "origin"], string | undefined>,
    Same<EngineRequest["headers"]["user-agent" | "host" | "referer"], string | undefined>,
    Same<EngineHeaders["x-forwarded-for"], string | string[] | undefined>,
  ] = [true, true, true];
  const headers: EngineHeaders = { authorization: "Bearer abc" };
  assertEquals([headers.authorization?.split(" ")[1], ...proofs], ["abc", true, true, true]);
});

Deno.test("typed events refuse other names and arguments when they are compiled", () => {
  const io = new SocketIoServer<Events, Events>();
  assertEquals(io.sockets.name, "/");
  io.on("connection", (socket) => {
    socket.on("sum", (a, b, done) => done(a + b));
    socket.emit("news", "text", 1);
    // @ts-expect-error there is no such event
    socket.emit("olds", "text", 1);
    // @ts-expect-error the text is missing
    socket.emit("news", 1);
  });
});

Deno.test("a socket's namespace, server and connection have the types that programs use", () => {
  const io = new SocketIoServer<Events, Events, Events, { name: string }>();
  io.of(/^\/room-/).on("connection", (socket) => {
    const { nsp, server, conn } = socket;
    nsp.to("a").emit("news", "text", 1);
    nsp.sockets.get(socket.id)?.emit("news", socket.data.name, 1);
    // @ts-expect-error there is no such event
    nsp.emit("olds", "text", 1);
    server.of("/other").emit("news", "text", 1);
    server.emit("news", socket.client.id, 1);
    conn.once("upgrade", () => {});
  });
  const named = (nsp: SocketNamespace): string => nsp.name;
  assertEquals(named(new SocketIoServer().of("/other")), "/other");
});

interface Asking {
  news: (text: string) => void;
  ask: (question: string, done: (answer: string) => void) => void;
  maybe: (question: string, done?: (answer: number) => void) => void;
  failing: (done: (error: Error | null, answer: string) => void) => void;
}

Deno.test("a callback that may be left out is an acknowledgement in the types, too", () => {
  const proofs: [
    Same<LastOf<[text: string, done?: () => void]>, () => void>,
    Same<LastOf<[]>, never>,
    Same<AllButLast<[text?: string, done?: () => void]>, [string]>,
    Same<AllButLast<unknown[]>, unknown[]>,
    Same<EventNamesWithAck<Asking>, "ask" | "maybe" | "failing">,
    Same<AckResult<Asking, "maybe">, number>,
    Same<AckAnswers<[error: Error, answer: string]>, [answer: string]>,
    Same<AckWithError<[done?: (x: number) => void]>, [
      done?: (error: Error | null, x: number) => void,
    ]>,
  ] = [true, true, true, true, true, true, true, true];
  assertEquals(proofs.every((proof) => proof), true);

  const io = new SocketIoServer<Asking, Asking>();
  io.on("connection", async (socket) => {
    socket.timeout(1).emit("maybe", "?");
    socket.timeout(1).emit("maybe", "?", (error, answer) => error?.message ?? answer.toFixed());
    const one: number = await socket.emitWithAck("maybe", "?");
    const many: number[] = await io.emitWithAck("maybe", "?");
    assertEquals([one], many);
  });
});

Deno.test("emitWithAck takes only events with an acknowledgement, and timeout puts one error in front", () => {
  const io = new SocketIoServer<Asking, Asking>();
  io.on("connection", (socket) => {
    // @ts-expect-error nobody answers it
    socket.emitWithAck("news");
    // @ts-expect-error nobody answers it
    io.emitWithAck("news");
    const twice = socket.timeout(2).timeout(1);
    twice.emit("ask", "?", (error, answer) => error?.message ?? answer.length);
    twice.emit("failing", (error, answer) => error?.message ?? answer.length);
    socket.timeout(1).to("room").emit("ask", "?", (_error, answers: string[]) => answers.length);
  });
  const loose = (socket: SocketIoClientSocket<Untyped, Untyped>): Promise<string> =>
    socket.emitWithAck("ask", "?");
  assertEquals(typeof loose, "function");
});

Deno.test("servers, namespaces and sockets go where others with their default types are meant, and back", () => {
  const plain = new SocketIoServer();
  const typed: SocketIoNamespace<Asking, Asking, Events, { name: string }> = plain.of("/typed");
  const server = (io: SocketIoServer): SocketIoServer => io;
  const namespace = (nsp: SocketIoNamespace): string => nsp.name;
  const socket = (one: SocketIoSocket): string => one.id;
  const io = new SocketIoServer<Asking, Events, Events, { name: string }>();
  assertEquals<unknown>(server(io), io);
  assertEquals([namespace(typed), namespace(io.of("/other"))], ["/typed", "/other"]);
  typed.on("connection", (one) => socket(one));
});

Deno.test("listeners that are listed can be called and taken off, and a reason is one of those that exist", () => {
  const io = new SocketIoServer<Asking, Asking>();
  const heard: unknown[] = [];
  io.on("connection", (socket) => {
    socket.on("disconnect", (reason) => {
      // @ts-expect-error there is no such reason
      if (reason === "bored") return;
    });
    for (const listener of socket.listeners("news")) {
      listener("text");
      socket.off("news", listener);
    }
    for (const listener of socket.listenersAny()) socket.offAny(listener);
    for (const listener of socket.listeners("disconnect")) listener("ping timeout");
  });
  new SocketIoServer().on("connection", (socket) => {
    // @ts-expect-error the reason is known without a map, too
    socket.on("disconnect", (reason: number) => reason);
  });
  const client = connectSocketIo<Asking>("http://127.0.0.1:1", { autoConnect: false });
  client.on("news", (text) => heard.push(text));
  client.onAny((event) => heard.push(event));
  client.io.on("reconnect", (attempt) => heard.push(attempt));
  for (const listener of client.listeners("news")) listener("text");
  for (const listener of client.listenersAny()) listener("news");
  for (const listener of client.io.listeners("reconnect")) listener(1);
  for (const listener of io.of("/a").listeners("connection")) {
    io.of("/a").off("connection", listener);
  }
  assertEquals(heard, ["text", "news", 1]);
  for (const listener of client.listeners("news")) client.off("news", listener);
  assertEquals(client.hasListeners("news"), false);
});

Deno.test("rooms that can't be changed are a list, too", () => {
  const rooms: readonly string[] = ["a", "b"];
  const io = new SocketIoServer<Asking, Asking>();
  io.on("connection", async (socket) => {
    await socket.join(rooms);
    socket.to(rooms).emit("news", "text");
    for (const other of await io.fetchSockets()) await other.join(rooms);
  });
  io.socketsJoin(rooms);
  io.in("c").socketsLeave(rooms);
  assertEquals(io.of("/").adapter.rooms.size, 0);
});
