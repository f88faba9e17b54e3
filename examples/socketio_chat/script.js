// The page of the chat. `io` is from socket.io/socket.io.js.
import { stayAtEnd } from "../websocket_chat/stay_at_end.js";

const element = (id) => document.getElementById(id);
const [log, text, problem, state] = ["log", "text", "problem", "state"].map(element);

const follow = stayAtEnd(log);

const MOST_ENTRIES = 500;
/** How long after the last key somebody counts as typing, in ms. */
const TYPING_TIME = 3000;
/** For how long a server may take a connection that was lost for one that is there, and with it the name for taken; how often it is asked, in ms. */
const HELD_TIME = 60_000;
const ASK_AGAIN = 2000;

const wanted = new URLSearchParams(location.search).get("transport");
const socket = io(wanted === null ? {} : { transports: [wanted] });

/** The name and the room; undefined outside of one. */
let own;
const typing = new Set();
let typingTimer;
let connectedAt = 0;
/** Set while the page waits to ask for its name again. */
let askTimer;
let lastAuthor;

function showState() {
  const there = socket.connected && askTimer === undefined;
  state.dataset.state = there ? "open" : "lost";
  state.textContent = there
    ? `connected by ${socket.io.engine.transport.name}`
    : socket.connected
    ? "connected, coming back into the room…"
    : "connection lost, coming back…";
  text.disabled = !there;
}

function askNoMore() {
  clearTimeout(askTimer);
  askTimer = undefined;
}

socket.on("connect", () => {
  connectedAt = performance.now();
  showState();
  socket.io.engine.on("upgrade", showState);
  // The server has forgotten a client whose connection was lost.
  if (own !== undefined) enter(own.name, own.room.slice(1));
});
socket.on("disconnect", () => {
  askNoMore();
  showState();
  typing.clear();
  showTyping();
});
socket.on("said", (name, line) => {
  typing.delete(name);
  showTyping();
  show(name, line);
});
socket.on("notice", notice);
socket.on("members", showMembers);
socket.on("typing", (name, on) => {
  if (on) typing.add(name);
  else typing.delete(name);
  showTyping();
});

function enter(name, room) {
  socket.emit("enter", name, room, (answer) => {
    problem.textContent = answer.problem ?? "";
    if (answer.problem !== undefined) {
      if (own === undefined || performance.now() - connectedAt > HELD_TIME) return outside();
      askTimer = setTimeout(enter, ASK_AGAIN, name, room);
      return showState();
    }
    askNoMore();
    showState();
    const again = own?.room === answer.room;
    own = { name, room: answer.room };
    element("title").textContent = answer.room;
    element("welcome").hidden = true;
    element("chat").hidden = false;
    if (!again) {
      log.replaceChildren();
      lastAuthor = undefined;
      notice(`You are ${name}, in ${answer.room}.`);
    }
    showMembers([...element("members").children].map((item) => item.lastChild.textContent));
    text.focus();
  });
}

function outside() {
  own = undefined;
  askNoMore();
  typing.clear();
  showTyping();
  element("chat").hidden = true;
  element("welcome").hidden = false;
}

/** A colour that goes with a name. */
function hueOf(name) {
  let hash = 2166136261;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  return (hash >>> 8) % 360;
}

function make(tag, className, content = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = content;
  return made;
}

function avatar(name) {
  const made = make("span", "avatar", [...name][0].toUpperCase());
  made.setAttribute("aria-hidden", "true");
  return made;
}

function showMembers(names) {
  element("count").textContent = names.length;
  element("members").replaceChildren(...names.map((name) => {
    const item = make("li", "");
    item.style.setProperty("--hue", hueOf(name));
    item.append(avatar(name), make("span", "", name));
    if (name === own?.name) item.dataset.own = "";
    return item;
  }));
}

function showTyping() {
  const names = [...typing];
  element("typing").textContent = names.length === 0
    ? ""
    : names.length > 3
    ? "several are typing…"
    : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing…`;
}

/** Adds an entry, and stays at the end if that is where the reader is. */
function add(entry) {
  log.append(entry);
  while (log.childElementCount > MOST_ENTRIES) log.firstElementChild.remove();
  follow();
}

function notice(line) {
  lastAuthor = undefined;
  add(make("p", "notice", line));
}

function show(name, line) {
  const mine = name === own?.name;
  const more = name === lastAuthor;
  const entry = make("article", `message${mine ? " own" : ""}${more ? " more" : ""}`);
  entry.style.setProperty("--hue", hueOf(name));
  const bubble = make("p", "bubble", line);
  const now = new Date();
  const time = make("time", "", now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = now.toISOString();
  bubble.append(time);
  entry.append(avatar(name), make("span", "author", name), bubble);
  lastAuthor = name;
  add(entry);
}

function stopTyping() {
  if (typingTimer === undefined) return;
  clearTimeout(typingTimer);
  typingTimer = undefined;
  socket.emit("typing", false);
}

text.addEventListener("input", () => {
  if (typingTimer === undefined) socket.emit("typing", true);
  clearTimeout(typingTimer);
  typingTimer = setTimeout(stopTyping, TYPING_TIME);
});

element("join").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(element("name").value.trim(), element("room").value.trim());
});

element("leave").addEventListener("click", () => {
  socket.emit("leave");
  outside();
});

element("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const line = text.value.trim();
  if (line === "" || !socket.connected) return;
  stopTyping();
  text.value = "";
  const { name } = own;
  socket.emit("say", line, (refused) => {
    if (refused) notice(refused);
    else show(name, line);
  });
});
