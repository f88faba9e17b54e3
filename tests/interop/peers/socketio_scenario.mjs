// What a server does, and what a client does with it: the same for every Socket.IO, since all have the same interface.

/** Makes a server answer the scenario. */
export function installServer(io) {
  io.on("connection", (socket) => {
    socket.on("echo", (...args) => {
      const answer = args.pop();
      answer(...args);
    });
    socket.on("ask me", async (answer) => {
      answer(await socket.timeout(5000).emitWithAck("question", { x: 1 }));
    });
    socket.on("ask all", async (answer) => {
      answer(await io.timeout(5000).emitWithAck("question", "all"));
    });
    socket.on("join", (room, answer) => {
      socket.join(room);
      answer([...socket.rooms].length);
    });
    socket.on("shout", (room, text) => io.to(room).emit("shout", text));
    socket.on("shout to others", (room, text) => socket.to(room).emit("shout", text));
    socket.on("bytes", (answer) => {
      socket.emit("bytes", { a: new Uint8Array([1, 2, 3]) }, [new Uint8Array([4]).buffer]);
      answer();
    });
    socket.on("handshake", (answer) => {
      const { auth, query } = socket.handshake;
      answer({ auth, x: query.x });
    });
    socket.on("many", (count, answer) => {
      for (let i = 0; i < count; i++) socket.emit("number", i);
      answer();
    });
    socket.on("throw me out", () => socket.disconnect());
    socket.on("cut", () => socket.conn.close());
  });
  io.of("/admin").use((socket, next) => {
    if (socket.handshake.auth.token === "secret") return next();
    const error = new Error("not allowed");
    error.data = { code: 42 };
    next(error);
  });
  io.of("/admin").on("connection", (socket) => socket.emit("welcome", socket.nsp.name));
  io.of(/^\/room-\d+$/).on("connection", (socket) => socket.emit("welcome", socket.nsp.name));
}

const once = (emitter, event) =>
  new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

const list = (bytes) => [...new Uint8Array(bytes.buffer ? bytes : new Uint8Array(bytes))];

/** Does everything with a server that a client can, and reports what came of it. */
export async function runClient(connect, url, options = {}) {
  const report = {};
  const base = { reconnectionDelay: 20, reconnectionDelayMax: 50, ...options };
  const socket = connect(url, { ...base, auth: { me: "é" }, query: { x: "1" }, forceNew: true });
  await once(socket, "connect");
  report.connected = typeof socket.id === "string";
  report.text = await socket.emitWithAck("echo", { a: [1, "é😀", null], b: { c: true } });
  const bytes = await socket.emitWithAck("echo", new Uint8Array([1, 2, 253]));
  report.bytes = list(bytes);
  const nested = await socket.emitWithAck("echo", { x: [new Uint8Array([7])], y: "z" });
  report.nested = { ...nested, x: nested.x.map(list) };
  report.several = await new Promise((resolve) => {
    socket.emit("echo", 1, "two", [3], (...args) => resolve(args));
  });
  const long = "long é ".repeat(20_000);
  report.long = (await socket.emitWithAck("echo", long)) === long;
  const large = new Uint8Array(300_000).map((_, i) => i);
  const back = await socket.emitWithAck("echo", large);
  report.large = list(back).every((byte, i) => byte === large[i]);
  const got = once(socket, "bytes");
  await socket.emitWithAck("bytes");
  const [object, array] = await got;
  report.received = [list(object.a), array.map(list)];
  socket.on("question", (question, answer) => answer({ answer: question }));
  report.asked = await socket.emitWithAck("ask me");
  report.handshake = await socket.emitWithAck("handshake");
  report.timeout = await socket.timeout(50).emitWithAck("nobody listens").then(
    () => "no error",
    (error) => error instanceof Error,
  );
  const numbers = [];
  socket.on("number", (number) => numbers.push(number));
  await socket.emitWithAck("many", 500);
  report.inOrder = numbers.length === 500 && numbers.every((number, i) => number === i);

  // A second client, rooms and broadcasts.
  const other = connect(url, { ...base, forceNew: true });
  await once(other, "connect");
  other.on("question", (_question, answer) => answer("other"));
  report.askedAll = (await socket.emitWithAck("ask all")).map((answer) => JSON.stringify(answer))
    .sort();
  await socket.emitWithAck("join", "room");
  report.rooms = await other.emitWithAck("join", "room");
  const shouts = Promise.all([once(socket, "shout"), once(other, "shout")]);
  socket.emit("shout", "room", new Uint8Array([5]));
  report.shouts = (await shouts).map(([bytes]) => list(bytes));
  const whisper = once(other, "shout");
  let heard = false;
  socket.once("shout", () => heard = true);
  socket.emit("shout to others", "room", "psst");
  report.whisper = await whisper;
  await socket.emitWithAck("echo");
  report.heard = heard;

  // Namespaces.
  const refused = connect(`${url}/admin`, { ...base, auth: { token: "wrong" }, forceNew: true });
  const [error] = await once(refused, "connect_error");
  report.refused = [error.message, error.data];
  refused.auth = { token: "secret" };
  const welcome = once(refused, "welcome");
  refused.connect();
  report.welcome = await welcome;
  refused.disconnect();
  const dynamic = connect(`${url}/room-7`, { ...base, forceNew: true });
  report.dynamic = await once(dynamic, "welcome");
  dynamic.disconnect();
  const unknown = connect(`${url}/unknown`, { ...base, forceNew: true });
  report.unknown = (await once(unknown, "connect_error"))[0].message;
  unknown.disconnect();

  // Losses.
  const lost = once(socket, "disconnect");
  const again = once(socket, "connect");
  socket.emit("cut");
  report.lost = (await lost)[0];
  socket.emit("echo", "while away", () => report.away = true);
  await again;
  await socket.emitWithAck("echo");
  const out = once(other, "disconnect");
  other.emit("throw me out");
  report.out = (await out)[0];
  report.active = other.active;
  other.disconnect();
  const gone = once(socket, "disconnect");
  await (socket.close?.() ?? socket.disconnect());
  report.gone = (await gone)[0];
  return report;
}

/** What `runClient` has to report, but for `lost`. */
export const EXPECTED = {
  connected: true,
  text: { a: [1, "é😀", null], b: { c: true } },
  bytes: [1, 2, 253],
  nested: { x: [[7]], y: "z" },
  several: [1, "two", [3]],
  long: true,
  large: true,
  received: [[1, 2, 3], [[4]]],
  asked: { answer: { x: 1 } },
  handshake: { auth: { me: "é" }, x: "1" },
  timeout: true,
  inOrder: true,
  askedAll: ['"other"', '{"answer":"all"}'],
  rooms: 2,
  shouts: [[5], [5]],
  whisper: ["psst"],
  heard: false,
  refused: ["not allowed", { code: 42 }],
  welcome: ["/admin"],
  dynamic: ["/room-7"],
  unknown: "Invalid namespace",
  away: true,
  out: "io server disconnect",
  active: false,
  gone: "io client disconnect",
};
