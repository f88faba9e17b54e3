// The server of the conformance cases with npm's socket.io, to see that the cases are right:
//     node tests/conformance/socketio/npm_server.mjs PORT
// The package is looked up from the folder in the environment variable PACKAGES, or from bench/.
import { createRequire } from "node:module";

const { PACKAGES } = process.env;
const require = createRequire(
  PACKAGES ? `${PACKAGES}/x.js` : new URL("../../../bench/", import.meta.url),
);
const { Server } = require("socket.io");
const io = new Server({ pingInterval: 1000, pingTimeout: 1000, connectTimeout: 3000 });
for (const nsp of ["/", "/custom"]) {
  io.of(nsp).on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("ask", (...args) => {
      socket.emit("question", ...args, (...answers) => socket.emit("answered", ...answers));
    });
  });
}
io.listen(Number(process.argv[2]));
console.log("ready");
