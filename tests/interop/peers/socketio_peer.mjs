// npm's Socket.IO, as a server or as a client, on Node or on Deno. The task is JSON in the first argument; the packages
// are found from the folder in the environment variable PACKAGES.
import { createRequire } from "node:module";
import { installServer, runClient } from "./socketio_scenario.mjs";

const require = createRequire(`${process.env.PACKAGES}/x.js`);
const task = JSON.parse(process.argv[2]);
const say = (value) => console.log(JSON.stringify(value));

const modes = {
  /** A server with the scenario; `close` on its input closes it. */
  async server() {
    const { Server } = require("socket.io");
    const options = { pingInterval: 5000, ...task.options };
    if (task.redis) {
      const { createClient } = require("redis");
      const pub = createClient({ url: task.redis });
      const sub = pub.duplicate();
      for (const client of [pub, sub]) client.on("error", () => {});
      await Promise.all([pub.connect(), sub.connect()]);
      options.adapter = task.streams
        ? require("@socket.io/redis-streams-adapter").createAdapter(pub, task.adapterOptions)
        : require("@socket.io/redis-adapter").createAdapter(pub, sub, task.adapterOptions);
    }
    const io = new Server(options);
    installServer(io);
    io.on("cluster question", (question, answer) => answer(`node heard ${question}`));
    io.listen(task.port ?? 0);
    io.httpServer.once("listening", () => say({ port: io.httpServer.address().port }));
    if (io.httpServer.listening) say({ port: io.httpServer.address().port });
  },

  /** A client that does the scenario, and reports. */
  async client() {
    const { io } = require("socket.io-client");
    try {
      say(await runClient(io, task.url, task.options));
    } catch (error) {
      say({ error: String(error?.stack ?? error) });
    }
    process.exit(0);
  },

  /** A client that says what happens to its connection. */
  watch() {
    const { io } = require("socket.io-client");
    const socket = io(task.url, {
      reconnectionDelay: 20,
      reconnectionDelayMax: 60,
      ...task.options,
    });
    socket.on(
      "connect",
      () => say({ event: "connect", transport: socket.io.engine.transport.name }),
    );
    socket.on("disconnect", (reason) => say({ event: "disconnect", reason }));
    socket.on("hello", (value) => say({ event: "hello", value }));
  },

  /** A client that leaves a namespace before it is let in, comes back, and says what happens. */
  hesitate() {
    const { Manager } = require("socket.io-client");
    const manager = new Manager(task.url, task.options);
    const main = manager.socket("/");
    const slow = manager.socket("/slow", { auth: (tell) => tell({ attempt: ++attempts }) });
    let attempts = 0;
    main.on("disconnect", (reason) => say({ event: "disconnect", reason }));
    main.on("asked", () => {
      slow.disconnect().connect();
      main.emit("again");
    });
    slow.on("connect", () => slow.emit("which", (attempt) => say({ event: "joined", attempt })));
  },

  /** A client of npm's engine.io. */
  async engine() {
    const { Socket } = require("engine.io-client");
    const socket = new Socket(task.url, task.options);
    socket.binaryType = "arraybuffer";
    const log = [];
    socket.on("upgrade", (transport) => log.push(`upgrade ${transport.name}`));
    const message = () => new Promise((resolve) => socket.once("message", resolve));
    await new Promise((resolve, reject) => {
      socket.on("open", resolve);
      socket.on("error", reject);
    });
    const echo = async (value) => {
      const answer = message();
      socket.send(value);
      return await answer;
    };
    log.push(await echo("text é"));
    log.push([...new Uint8Array(await echo(new Uint8Array([1, 2, 3])))]);
    const deadline = Date.now() + 3000;
    while (task.upgrades && socket.transport.name !== "websocket" && Date.now() < deadline) {
      await echo("wait");
    }
    log.push(await echo("after"));
    const beats = new Promise((resolve) => socket.once("heartbeat", resolve));
    const pinged = new Promise((resolve) => socket.once("ping", resolve));
    await Promise.race([beats, pinged]);
    log.push("pinged", socket.transport.name);
    socket.on("close", (reason) => {
      say({ log: [...log, reason] });
      process.exit(0);
    });
    socket.close();
  },
};

await modes[task.mode]();
