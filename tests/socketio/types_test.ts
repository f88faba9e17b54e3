import { assertEquals } from "@std/assert";
import { SocketIoServer } from "../../socketio/server.ts";
import type { SocketNamespace } from "../../socketio/socket.ts";
import type {
  AckResult,
  AckWithError,
  AckWithResponses,
  AllButLast,
  EventArgs,
  EventNames,
  FirstAnswer,
  IsAny,
  LastOf,
  TimeoutEventMap,
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
