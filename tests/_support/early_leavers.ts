/**
 * Until it is disposed, every setting of a Deno TCP connection fails as it does on macOS and Windows when the peer has reset the
 * connection already.
 */
export async function earlyLeavers(): Promise<Disposable> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using conn = await Deno.connect({ ...listener.addr, transport: "tcp" });
  (await listener.accept()).close();
  const kind = Object.getPrototypeOf(conn) as Deno.TcpConn;
  const { setNoDelay, setKeepAlive } = kind;
  kind.setNoDelay = kind.setKeepAlive = () => {
    throw new Error("Invalid argument (os error 22)");
  };
  return {
    [Symbol.dispose]: () => void Object.assign(kind, { setNoDelay, setKeepAlive }),
  };
}
