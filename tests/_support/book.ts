/** What the tests of the socket book have in common. */
import { assertEquals } from "@std/assert";
import type { SocketBookErrorKind } from "../../socket/errors.ts";
import { SocketBook } from "../../socket/socket_book.ts";
import type { SocketBookOptions } from "../../socket/socket_book_options.ts";
import { RawPeer, type RawServer, rawServer } from "./raw_peer.ts";

/** Checks the kind of the error of the last call; `undefined` for none. */
export function assertError(book: SocketBook, kind: SocketBookErrorKind | undefined): void {
  assertEquals(book.lastError?.kind, kind, book.lastError?.message);
  assertEquals(book.errorOccurred, kind !== undefined);
}

/** A book with the server "S" and a raw client at its other end, not accepted yet. */
export async function bookWithRawClient(): Promise<
  AsyncDisposable & { book: SocketBook; peer: RawPeer }
> {
  const book = new SocketBook();
  assertEquals(await book.create("S", 0, { address: "127.0.0.1" }), true, book.lastError?.message);
  const peer = await RawPeer.connect(book.localPort("S"));
  return {
    book,
    peer,
    async [Symbol.asyncDispose](): Promise<void> {
      peer.close();
      await book.closeAll();
    },
  };
}

/** A book with the client "C", connected to a raw server. */
export async function bookWithRawServer(
  options?: SocketBookOptions,
): Promise<AsyncDisposable & { book: SocketBook; peer: RawPeer; server: RawServer }> {
  const server = await rawServer();
  const book = new SocketBook(options);
  const connected = await book.connect("C", server.port, "127.0.0.1");
  assertEquals(connected, true, book.lastError?.message);
  const peer = await server.accept();
  return {
    book,
    peer,
    server,
    async [Symbol.asyncDispose](): Promise<void> {
      await server[Symbol.asyncDispose]();
      await book.closeAll();
    },
  };
}

/** A book with the server "S", the client "C", and the channel between them at the server's side. */
export async function connectedBook(): Promise<
  AsyncDisposable & { book: SocketBook; channel: string }
> {
  const book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  const connected = await book.connect("C", book.localPort("S"), "127.0.0.1");
  assertEquals(connected, true, book.lastError?.message);
  const channel = await book.accept("S");
  return { book, channel, [Symbol.asyncDispose]: () => book.closeAll() };
}
