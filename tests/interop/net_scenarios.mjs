// What happens to a socket and to a server, step by step, as a list of texts. Each scenario runs on `node:net` under
// Node and on this library's net module, and the lists must be equal. Plain JavaScript, because Node runs it, too.

/** Records the events of an emitter under a name. */
function watch(log, name, emitter, events) {
  for (const event of events) {
    emitter.on(event, (...args) => {
      const told = args.map((arg) =>
        arg instanceof Error
          ? (arg.code ?? arg.message)
          : arg instanceof Uint8Array
          ? `"${new TextDecoder().decode(arg)}"`
          : typeof arg === "object" && arg !== null
          ? "object"
          : String(arg)
      );
      log.push(`${name}:${event}${told.length > 0 ? `(${told.join(",")})` : ""}`);
    });
  }
}

const ALL = ["connect", "ready", "end", "timeout", "drain", "finish", "error", "close"];
const WITH_DATA = [...ALL, "data"];

const closed = (emitter) => new Promise((resolve) => emitter.once("close", resolve));
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Runs `body` with a server whose connections go to `accept`, and closes the server afterwards. */
async function withServer(net, options, accept, body) {
  const sockets = [];
  const server = net.createServer(options, (socket) => {
    sockets.push(socket);
    accept(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await body(server.address().port, server);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    await closed(server);
  }
}

/** The code, or the class, of what `fn` throws. */
function thrown(fn) {
  try {
    fn();
    return "nothing";
  } catch (error) {
    return error instanceof TypeError || error instanceof RangeError
      ? `${error.name}:${error.code}`
      : error.code;
  }
}

/** The state of a socket in one text. */
function state(socket) {
  return `${socket.readyState},${socket.connecting ? "connecting" : "-"},${
    socket.pending ? "pending" : "-"
  },${socket.destroyed ? "destroyed" : "-"}`;
}

export const scenarios = {
  async "client ends first"(net) {
    const log = [];
    const other = deferred();
    await withServer(net, {}, (socket) => {
      watch(log, "s", socket, WITH_DATA);
      socket.on("close", other.resolve);
    }, async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => socket.end("hi"));
      watch(log, "c", socket, WITH_DATA);
      await closed(socket);
      await other.promise;
    });
    return split(log);
  },

  async "server ends first"(net) {
    const log = [];
    const other = deferred();
    await withServer(net, {}, (socket) => {
      watch(log, "s", socket, WITH_DATA);
      socket.on("close", other.resolve);
      socket.end("bye");
    }, async (port) => {
      const socket = net.connect(port, "127.0.0.1");
      watch(log, "c", socket, WITH_DATA);
      await closed(socket);
      await other.promise;
    });
    return split(log);
  },

  async "half open: the server answers after the client's end"(net) {
    const log = [];
    const other = deferred();
    await withServer(net, { allowHalfOpen: true }, (socket) => {
      watch(log, "s", socket, WITH_DATA);
      socket.on("close", other.resolve);
      socket.on("end", () => {
        log.push(`s=${state(socket)}`);
        setTimeout(() => socket.end("late"), 20);
      });
    }, async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        socket.end("question");
        log.push(`c=${state(socket)}`);
      });
      watch(log, "c", socket, WITH_DATA);
      await closed(socket);
      await other.promise;
    });
    return split(log);
  },

  async "destroy without an error"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        socket.destroy();
        log.push(`c=${state(socket)}`);
      });
      watch(log, "c", socket, WITH_DATA);
      await closed(socket);
      log.push(`c=${state(socket)}`);
    });
    return split(log);
  },

  async "destroy with an error"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => socket.destroy(new Error("mine")));
      watch(log, "c", socket, WITH_DATA);
      await closed(socket);
    });
    return split(log);
  },

  async "destroy while connecting"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}), async (port) => {
      const socket = net.connect(port, "127.0.0.1");
      watch(log, "c", socket, WITH_DATA);
      log.push(`c=${state(socket)}`);
      socket.destroy();
      await closed(socket);
      log.push(`c=${state(socket)}`);
    });
    return split(log);
  },

  async "nobody listens (ECONNREFUSED)"(net) {
    const log = [];
    const port = await freePort(net);
    const socket = net.connect(port, "127.0.0.1");
    watch(log, "c", socket, WITH_DATA);
    let seen;
    socket.on("error", (error) => seen = error);
    await closed(socket);
    log.push(`${seen.syscall} ${seen.address} ${seen.port === port}`);
    return log;
  },

  async "an unknown name (ENOTFOUND)"(net) {
    const log = [];
    const socket = net.connect(80, "name.invalid");
    watch(log, "c", socket, WITH_DATA);
    await closed(socket);
    return log;
  },

  async "no such socket file (ENOENT)"(net) {
    const log = [];
    const socket = net.connect("/nonexistent/socket");
    watch(log, "c", socket, WITH_DATA);
    let seen;
    socket.on("error", (error) => seen = error);
    await closed(socket);
    log.push(`${seen.syscall} ${seen.address} ${seen.port}`);
    return log;
  },

  async "write after end"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}).resume(), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        socket.end();
        log.push(
          `returned ${socket.write("late", (error) => log.push(`callback ${error?.code}`))}`,
        );
      });
      watch(log, "c", socket, ["connect", "end", "error", "close"]);
      await closed(socket);
    });
    return log;
  },

  async "write after destroy"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}).resume(), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        socket.destroy();
        log.push(
          `returned ${socket.write("late", (error) => log.push(`callback ${error?.code}`))}`,
        );
      });
      watch(log, "c", socket, ["connect", "end", "error", "close"]);
      await closed(socket);
      await turn();
    });
    return log.sort();
  },

  async "write after the peer's end"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}).end(), async (port) => {
      const socket = net.connect(port, "127.0.0.1");
      watch(log, "c", socket, ["connect", "end", "error", "finish", "close"]);
      socket.on("end", () => {
        log.push(
          `returned ${socket.write("late", (error) => log.push(`callback ${error?.code}`))}`,
        );
      });
      socket.resume();
      await closed(socket);
    });
    return log;
  },

  async "write and end with an encoding of nothing, and views of other kinds"(net) {
    const log = [];
    const other = deferred();
    await withServer(net, {}, (socket) => {
      let got = "";
      socket.on("data", (chunk) => got += chunk);
      socket.on("end", () => other.resolve(log.push(`s:${got}`)));
    }, async (port) => {
      const socket = net.connect(port, "127.0.0.1");
      socket.write("a", null, (error) => log.push(`a ${error?.code}`));
      socket.write("b", "", (error) => log.push(`b ${error?.code}`));
      socket.write(new Uint16Array([0x6363, 0x6464]));
      socket.write(new DataView(new Uint8Array([0x65, 0x66, 0x67]).buffer, 1));
      socket.end("c", null, (error) => log.push(`c ${error?.code}`));
      socket.resume();
      await closed(socket);
      await other.promise;
    });
    return split(log);
  },

  async "end with callbacks, twice"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}).resume(), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        socket.end("x", (error) => log.push(`first ${error?.code}`));
        socket.end((error) => log.push(`second ${error?.code}`));
      });
      watch(log, "c", socket, ["connect", "finish", "error", "close"]);
      socket.resume();
      await closed(socket);
      socket.end((error) => log.push(`third ${error?.code}`));
      await turn();
    });
    return log;
  },

  async "callbacks of writes, and drain"(net) {
    const log = [];
    const large = new Uint8Array(16 << 20);
    await withServer(net, {}, (socket) => socket.on("error", () => {}).resume(), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        log.push(`small ${socket.write("12345", (error) => log.push(`a ${error?.code}`))}`);
        log.push(`large ${socket.write(large, (error) => log.push(`b ${error?.code}`))}`);
        log.push(`need ${socket.writableNeedDrain}`);
      });
      socket.on("drain", () => {
        log.push(`need ${socket.writableNeedDrain}`);
        socket.end();
      });
      watch(log, "c", socket, ["connect", "drain", "finish", "error", "close"]);
      socket.resume();
      await closed(socket);
      log.push(`written ${socket.bytesWritten}`);
    });
    return log;
  },

  async "callbacks of what destroy throws away"(net) {
    const log = [];
    const large = new Uint8Array(32 << 20);
    await withServer(net, {}, (socket) => socket.on("error", () => {}).pause(), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        // Node calls the callback of what is under way without an error.
        socket.write(large);
        socket.write("more", (error) => log.push(`b ${error instanceof Error}`));
        socket.end((error) => log.push(`end ${error instanceof Error}`));
        setTimeout(() => socket.destroy(), 20);
      });
      watch(log, "c", socket, ["connect", "drain", "finish", "error"]);
      await closed(socket);
      await turn();
    });
    return log.sort();
  },

  async "end in the callback of a write"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}).resume(), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        socket.write("all", () => socket.end(() => log.push("ended")));
      });
      watch(log, "c", socket, ["connect", "finish", "end", "error", "close"]);
      socket.resume();
      await closed(socket);
    });
    return log;
  },

  async "destroySoon"(net) {
    const log = [];
    let got = 0;
    const other = deferred();
    await withServer(net, { allowHalfOpen: true }, (socket) => {
      socket.on("data", (chunk) => got += chunk.length);
      socket.on("end", () => {
        log.push(`got ${got}`);
        other.resolve();
      });
    }, async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        socket.write(new Uint8Array(1 << 20));
        socket.destroySoon();
        log.push(`c=${state(socket)}`);
      });
      watch(log, "c", socket, ["finish", "end", "error", "close"]);
      await closed(socket);
      await other.promise;
    });
    return log.sort();
  },

  async "pause and resume"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.end("some data"), async (port) => {
      const socket = net.connect(port, "127.0.0.1");
      watch(log, "c", socket, [...WITH_DATA]);
      socket.pause();
      await once(socket, "connect");
      await new Promise((resolve) => setTimeout(resolve, 30));
      log.push(`paused ${socket.isPaused()}`);
      socket.resume();
      log.push(`paused ${socket.isPaused()}`);
      await closed(socket);
    });
    return log;
  },

  async "an end without data, that nobody reads"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.end(), async (port) => {
      const socket = net.connect(port, "127.0.0.1");
      watch(log, "c", socket, ALL);
      await closed(socket);
    });
    return log;
  },

  async "text: characters split over chunks"(net) {
    const log = [];
    await withServer(net, {}, (socket) => {
      socket.write(new Uint8Array([0x61, 0xe2, 0x82]));
      setTimeout(() => socket.end(new Uint8Array([0xac, 0xe2])), 20);
    }, async (port) => {
      const socket = net.connect(port, "127.0.0.1").setEncoding("utf8");
      watch(log, "c", socket, ["data", "end"]);
      await closed(socket);
    });
    return log;
  },

  async "what a closed socket tells"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.end("12345"), async (port) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        log.push(`${socket.remoteAddress} ${socket.remoteFamily} ${socket.remotePort === port}`);
        log.push(`${socket.localAddress} ${socket.localFamily} ${typeof socket.localPort}`);
        const { address, family, port: own } = socket.address();
        log.push(`${address} ${family} ${own === socket.localPort}`);
        socket.end("1234");
      });
      socket.resume();
      await closed(socket);
      log.push(`${socket.bytesRead} ${socket.bytesWritten} ${socket.writableFinished}`);
      log.push(`${socket.writableEnded} ${socket.readableEnded} ${socket.writableLength}`);
    });
    return log;
  },

  async "a socket file"(net, tools) {
    const log = [];
    const server = net.createServer((socket) => {
      watch(log, "s", socket, WITH_DATA);
      socket.on("end", () => socket.end("bye"));
    });
    server.listen(tools.path);
    await once(server, "listening");
    log.push(`address ${server.address() === tools.path}`);
    const socket = net.connect(tools.path);
    watch(log, "c", socket, WITH_DATA);
    socket.end("hello");
    await closed(socket);
    log.push(`${socket.remoteAddress} ${socket.remotePort} ${JSON.stringify(socket.address())}`);
    server.close();
    await closed(server);
    return split(log);
  },

  async "writes before the connection is there"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.pipe(socket), async (port) => {
      const socket = net.connect(port, "127.0.0.1");
      watch(log, "c", socket, ["connect", "end", "finish", "close", "data"]);
      socket.write("one ", () => log.push("written"));
      socket.end("two");
      log.push(`c=${state(socket)} ${socket.writableLength} ${socket.bytesWritten}`);
      socket.setEncoding("utf8");
      await closed(socket);
    });
    return join(log);
  },

  async "idle timeout, then destroy"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}), async (port) => {
      const socket = net.connect(port, "127.0.0.1");
      watch(log, "c", socket, WITH_DATA);
      socket.setTimeout(30, () => socket.destroy());
      log.push(`timeout ${socket.timeout}`);
      await closed(socket);
    });
    return log;
  },

  async "idle timeout comes again after activity"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.pipe(socket), async (port) => {
      const socket = net.connect({ port, host: "127.0.0.1", timeout: 30 });
      watch(log, "c", socket, ["connect", "timeout", "data", "end", "close"]);
      await once(socket, "timeout");
      socket.write("again");
      await once(socket, "timeout");
      socket.setTimeout(0);
      socket.end();
      await closed(socket);
    });
    return log;
  },

  async "connect again after close"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.end("hello"), async (port) => {
      const socket = new net.Socket();
      watch(log, "c", socket, WITH_DATA);
      for (let i = 0; i < 2; i++) {
        socket.connect(port, "127.0.0.1");
        await closed(socket);
        log.push(`c=${state(socket)} ${socket.bytesRead}`);
      }
    });
    return log;
  },

  async "null for a callback"(net) {
    const log = [];
    const other = deferred();
    let text = "";
    await withServer(net, {}, (socket) => {
      socket.on("data", (chunk) => text += chunk);
      socket.on("close", other.resolve);
    }, async (port) => {
      const socket = net.connect(port, "127.0.0.1").resume();
      watch(log, "c", socket, ["error", "close"]);
      socket.write("a", "utf8", null);
      socket.write("b", "utf8", () => socket.end("c", "utf8", null));
      await closed(socket);
      await other.promise;
    });
    return [...log, text];
  },

  async "destroy as a listener for another's close"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}), async (port) => {
      const [one, other] = [net.connect(port, "127.0.0.1"), net.connect(port, "127.0.0.1")];
      watch(log, "other", other, ["error", "close"]);
      one.on("close", other.destroy.bind(other));
      await Promise.all([once(one, "connect"), once(other, "connect")]);
      one.destroy();
      await closed(other);
    });
    return log;
  },

  async "write on a socket that never connects"(net) {
    const log = [];
    const socket = new net.Socket();
    watch(log, "c", socket, ["finish", "error"]);
    socket.write("x", (error) => log.push(`callback ${error?.code}`));
    await closed(socket);
    return log.sort();
  },

  async "end with text on a socket that never connects"(net) {
    const log = [];
    const socket = new net.Socket();
    watch(log, "c", socket, ["finish", "error"]);
    socket.end("x", (error) => log.push(`callback ${error?.code}`));
    await closed(socket);
    return log.sort();
  },

  "arguments of connect"(net) {
    const quiet = (...args) => {
      const socket = new net.Socket();
      socket.on("error", () => {});
      try {
        socket.connect(...args);
      } finally {
        socket.destroy();
      }
    };
    return [
      () => quiet(),
      () => quiet({}),
      () => quiet(65536, "127.0.0.1"),
      () => quiet(-1, "127.0.0.1"),
      () => quiet(1.5, "127.0.0.1"),
      () => quiet(NaN, "127.0.0.1"),
      () => quiet({ port: "x" }),
      () => quiet({ port: 70000 }),
      () => quiet({ port: 80, host: 5 }),
      () => quiet({ path: 5 }),
      () => quiet("", "127.0.0.1"),
      () => quiet(" "),
      () => quiet("80.5"),
      () => quiet(true),
      () => quiet({ port: {} }),
      () => net.connect({ port: 80, host: "127.0.0.1", objectMode: true }),
      () => net.connect({ port: 80, host: "127.0.0.1", signal: {} }),
      () => quiet({ port: 80, localAddress: "nowhere", host: "127.0.0.1" }),
      () => net.connect({ port: 80, keepAlive: true, keepAliveInitialDelay: "5000" }),
      () => new net.Socket({ keepAliveInitialDelay: "5000" }),
      () => new net.Socket({ keepAliveInitialDelay: -1 }).destroy(),
      () => net.createServer({ keepAlive: true, keepAliveInitialDelay: "5000" }),
      () => new net.Socket().setTimeout(-1),
      () => new net.Socket().setTimeout(Infinity),
      () => new net.Socket().setEncoding("nonsense"),
      () => new net.Socket().write(null),
      () => new net.Socket().write(5),
      () => new net.Socket().write("x", "nonsense"),
    ].map((fn) => `${String(fn).replace(/\s+/g, " ")} ${thrown(fn)}`);
  },

  async "options of connect that are null or empty"(net) {
    const log = [];
    const blank = { port: null, path: "", localAddress: null, localPort: null, family: null };
    const more = { lookup: null, autoSelectFamily: null, timeout: null, signal: null };
    for (const host of [null, "", "127.0.0.1"]) {
      await withServer(net, {}, (socket) => socket.end("hi"), async (port) => {
        const socket = net.connect({ ...blank, ...more, port, host }).resume();
        watch(log, "c", socket, ["connect", "error", "close"]);
        await closed(socket);
      });
    }
    for (const options of [{ path: null }, { path: null, host: "127.0.0.1" }]) {
      log.push(thrown(() => net.connect(options)));
    }
    return log;
  },

  async "bad hosts"(net) {
    const log = [];
    // One with NUL is told by an event in Node 20, and thrown for in the last 22.
    for (const host of ["a\r\nb", "a b"]) {
      const socket = new net.Socket();
      const told = deferred();
      socket.on("error", (error) => told.resolve(`event ${error.code}`));
      try {
        socket.connect(80, host);
      } catch (error) {
        told.resolve(`thrown ${error.code}`);
      }
      log.push(`${JSON.stringify(host.slice(0, 10))} ${await told.promise}`);
      socket.destroy();
    }
    return log;
  },

  "arguments of listen"(net) {
    return [
      () => net.createServer().listen(65536),
      () => net.createServer().listen(-1),
      () => net.createServer().listen(""),
      () => net.createServer().listen("  "),
      () => net.createServer().listen("1.5"),
      () => net.createServer().listen({ port: "x" }),
      () => net.createServer().listen({ port: 70000 }),
      () => net.createServer(5),
    ].map((fn) => `${String(fn).replace(/\s+/g, " ")} ${thrown(fn)}`);
  },

  async "server: options of listen that are null"(net) {
    const log = [];
    for (const port of [0, null, undefined]) {
      const server = net.createServer();
      server.listen({ port, host: null, path: null, backlog: null });
      await once(server, "listening");
      log.push(`${server.address().family} ${server.address().port > 0}`);
      server.close();
      await closed(server);
    }
    log.push(thrown(() => net.createServer().listen({ path: null })));
    return log;
  },

  async "server: listen, twice, close, twice"(net) {
    const log = [];
    const server = net.createServer();
    watch(log, "server", server, ["listening", "connection", "error", "close"]);
    log.push(`listening ${server.listening} ${server.address()}`);
    server.listen(0, "127.0.0.1", () => log.push("callback"));
    await once(server, "listening");
    log.push(
      `listening ${server.listening} ${server.address().family} ${server.address().address}`,
    );
    log.push(`again ${thrown(() => server.listen(0))}`);
    server.close((error) => log.push(`first ${error?.code}`));
    log.push(`listening ${server.listening} ${server.address()}`);
    await closed(server);
    server.close((error) => log.push(`second ${error?.code}`));
    await turn();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    server.close();
    await closed(server);
    return log;
  },

  async "server: callbacks are the server's own"(net) {
    const log = [];
    const server = net.createServer();
    server.listen(0, "127.0.0.1", function () {
      log.push(`listening ${this === server}`);
    });
    await once(server, "listening");
    server.close(function (error) {
      log.push(`closed ${this === server} ${error?.code}`);
    });
    await closed(server);
    await turn();
    return log;
  },

  async "server: a port that is taken"(net) {
    const log = [];
    const first = net.createServer().listen(0, "127.0.0.1");
    await once(first, "listening");
    const { port } = first.address();
    const second = net.createServer();
    watch(log, "server", second, ["listening", "error", "close"]);
    second.listen(port, "127.0.0.1");
    const error = await once(second, "error");
    log.push(`${error.syscall} ${error.address} ${error.port === port} ${second.listening}`);
    await turn();
    first.close();
    await closed(first);
    return log;
  },

  async "server: a local address that is not ours"(net) {
    const log = [];
    const server = net.createServer();
    watch(log, "server", server, ["listening", "error", "close"]);
    server.listen(0, "192.0.2.1");
    const error = await once(server, "error");
    log.push(`${error.syscall} ${error.address}`);
    return log;
  },

  async "server: close waits for connections"(net) {
    const log = [];
    const server = net.createServer((socket) => {
      watch(log, "s", socket, ["end", "close"]);
      socket.resume();
    }).listen(0, "127.0.0.1");
    watch(log, "server", server, ["listening", "connection", "error", "close"]);
    await once(server, "listening");
    const socket = net.connect(server.address().port, "127.0.0.1");
    await once(server, "connection");
    server.getConnections((error, count) => log.push(`count ${error} ${count}`));
    await turn();
    server.close((error) => log.push(`callback ${error?.code}`));
    await turn();
    log.push("client ends");
    socket.end();
    await closed(server);
    await turn();
    return log;
  },

  async "server: maxConnections drops"(net) {
    const log = [];
    const server = net.createServer((socket) => socket.resume().on("error", () => {}));
    server.maxConnections = 1;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    server.on(
      "drop",
      (info) =>
        log.push(
          `drop ${info.remoteFamily} ${info.remoteAddress} ${info.localAddress} ${
            info.localPort === server.address().port
          }`,
        ),
    );
    const { port } = server.address();
    const first = net.connect(port, "127.0.0.1");
    await once(first, "connect");
    const second = net.connect(port, "127.0.0.1");
    second.on("error", () => {}).resume();
    await closed(second);
    first.destroy();
    server.close();
    await closed(server);
    return log;
  },

  async "pipe: events of the destination"(net) {
    const log = [];
    await withServer(net, {}, (socket) => {
      for (const event of ["pipe", "unpipe"]) {
        socket.on(event, (source) => log.push(`s:${event} ${source === socket}`));
      }
      watch(log, "s", socket, ["end", "finish", "close"]);
      socket.pipe(socket);
    }, async (port, server) => {
      const socket = net.connect(port, "127.0.0.1", () => socket.end("ping"));
      socket.resume();
      await once(server, "connection");
      server.close();
      await Promise.all([closed(socket), closed(server)]);
    });
    return log;
  },

  async "an aborted signal"(net) {
    const log = [];
    await withServer(net, {}, (socket) => socket.on("error", () => {}), async (port) => {
      const controller = new AbortController();
      const { signal } = controller;
      const socket = net.connect({ port, host: "127.0.0.1", signal }, () => controller.abort());
      watch(log, "c", socket, WITH_DATA);
      await closed(socket);
    });
    return log;
  },

  async "reset by the peer"(net, tools) {
    const log = [];
    const reset = await tools.resetter();
    const socket = net.connect(reset.port, "127.0.0.1");
    watch(log, "c", socket, WITH_DATA);
    socket.resume();
    await closed(socket);
    reset.close();
    return log;
  },
};

function deferred() {
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
}

/** The two ends of one connection run on their own: their lines are told apart, each in order. */
function split(log) {
  return [
    ...log.filter((line) => !line.startsWith("s")),
    ...log.filter((line) => line.startsWith("s")),
  ];
}

/** Joins neighbouring `data` lines: how bytes are cut into chunks is chance. */
function join(log) {
  const out = [];
  let text = "";
  for (const line of log) {
    if (line.startsWith("c:data(")) text += line.slice(7, -1);
    else out.push(line);
  }
  return [...out, `text ${text}`];
}

async function freePort(net) {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await closed(server);
  return port;
}

/**
 * Runs the scenarios on `net` and returns the lists by name. `tools.resetter()` starts a server that resets every
 * connection, `tools.path` is where a socket file may be made.
 */
export async function runScenarios(net, tools, names = Object.keys(scenarios)) {
  const out = {};
  for (const name of names) {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve(["timed out"]), 10_000);
    });
    try {
      out[name] = await Promise.race([scenarios[name](net, tools), late]);
    } catch (error) {
      out[name] = [`threw ${error?.stack}`];
    }
    clearTimeout(timer);
  }
  return out;
}
