// The chat in a browser. It speaks the same lines as nc does: what the room says begins with "* ", what others say with
// their name and ": ".
import { stayAtEnd } from "./stay_at_end.js";

const element = (id) => document.getElementById(id);
const [welcome, join, nameInput, problem] = ["welcome", "join", "name", "problem"].map(element);
const [chat, state, log, composer, textInput] = ["chat", "state", "log", "composer", "text"]
  .map(element);

const follow = stayAtEnd(log);

const MOST_ENTRIES = 500;
const LONGEST_PAUSE = 10_000;

let socket;
/** The own name; empty until the room has taken it. */
let name = "";
/** The name to come back with after the connection was lost. */
let lastName = "";
let pause = 500;
let askedForList = false;
const members = new Set();
/** Entries that are not shown yet. */
const coming = [];
/** Who said the last line, if nothing came after it. */
let lastAuthor;
/** What the room said last. */
let lastNotice = "";

function connect(wanted) {
  const url = new URL("chat", location.href.replace(/^http/, "ws"));
  socket = new WebSocket(url, "chat");
  const own = socket;
  let asked = false;
  socket.onmessage = ({ data }) => {
    if (name !== "") take(data);
    else if (!asked && !data.startsWith("* ")) {
      // The first line asks for the name, unless the room is full.
      asked = true;
      own.send(wanted);
    } else answer(data);
  };
  socket.onclose = ({ code }) => {
    if (own !== socket) return;
    socket = undefined;
    closed(code);
  };
}

/** What the room says to a name: a welcome, or why not. */
function answer(line) {
  const [, given] = /^\* You are (\S+)\. /.exec(line) ?? [];
  if (given === undefined) {
    lastNotice = line.replace(/^\* /, "");
    // Who comes back may find that somebody else has the name now.
    return comeIn(lastNotice);
  }
  name = lastName = given;
  pause = 500;
  askedForList = false;
  lastNotice = "";
  problem.textContent = "";
  members.clear();
  welcome.hidden = true;
  chat.hidden = false;
  showState("open", "connected");
  notice(`You are ${name}.`);
  textInput.focus();
}

/** Shows the form again, with why. */
function comeIn(reason) {
  lastName = "";
  chat.hidden = true;
  welcome.hidden = false;
  refuse(reason);
}

function refuse(reason) {
  problem.textContent = reason;
  join.querySelector("button").disabled = false;
  nameInput.focus();
}

/** A line from the room. */
function take(line) {
  const message = /^([^\s:*]\S*): (.*)$/s.exec(line);
  if (message !== null) return show(message[1], message[2]);
  const text = line.replace(/^\* /, "");
  const here = /^\d+ here: (.*)$/.exec(text);
  const joined = /^(\S+) joined$/.exec(text);
  const left = /^(\S+) left(?: \(.*\))?$/.exec(text);
  const renamed = /^(\S+) is now (\S+)$/.exec(text);
  if (here !== null) {
    members.clear();
    for (const one of here[1].split(", ")) members.add(one);
    if (askedForList) notice(text);
    askedForList = true;
  } else {
    if (joined !== null) members.add(joined[1]);
    if (left !== null) members.delete(left[1]);
    if (renamed !== null) {
      members.delete(renamed[1]);
      members.add(renamed[2]);
      if (renamed[1] === name) name = lastName = renamed[2];
    }
    notice(text);
  }
  showMembers();
}

function closed(code) {
  const wasIn = name !== "";
  name = "";
  if (code === 1000) {
    // The room has said why in its last line.
    comeIn(lastNotice || problem.textContent);
  } else if (lastName === "") refuse("The chat can't be reached.");
  else {
    if (wasIn) notice("The connection was lost.");
    showState("lost", "connection lost, coming back…");
    setTimeout(connect, pause * (0.5 + Math.random() / 2), lastName);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}

function showState(which, text) {
  state.dataset.state = which;
  state.textContent = text;
  textInput.disabled = which !== "open";
}

/** A colour that goes with a name. */
function hueOf(text) {
  let hash = 2166136261;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  return (hash >>> 8) % 360;
}

function make(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function avatar(author) {
  const made = make("span", "avatar", [...author][0].toUpperCase());
  made.setAttribute("aria-hidden", "true");
  return made;
}

function showMembers() {
  element("count").textContent = members.size;
  element("members").replaceChildren(...[...members].map((one) => {
    const item = make("li", "");
    item.style.setProperty("--hue", hueOf(one));
    item.append(avatar(one), make("span", "", one));
    if (one === name) item.dataset.own = "";
    return item;
  }));
}

/** Adds an entry with the next picture: what comes in a burst is laid out once. */
function add(entry) {
  if (coming.push(entry) === 1) requestAnimationFrame(addAll);
  // No pictures are drawn while the page is in the background.
  if (coming.length > MOST_ENTRIES) coming.shift();
}

/** Adds what has come, and stays at the end if that is where the reader is. */
function addAll() {
  log.append(...coming.splice(0));
  while (log.childElementCount > MOST_ENTRIES) log.firstElementChild.remove();
  follow();
}

function notice(text) {
  lastAuthor = undefined;
  lastNotice = text;
  add(make("p", "notice", text));
}

function show(author, text) {
  const own = author === name;
  const entry = make(
    "article",
    `message${own ? " own" : ""}${author === lastAuthor ? " more" : ""}`,
  );
  entry.style.setProperty("--hue", hueOf(author));
  const bubble = make("p", "bubble", text);
  const now = new Date();
  const time = make("time", "", now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = now.toISOString();
  bubble.append(time);
  entry.append(avatar(author), make("span", "author", author), bubble);
  lastAuthor = author;
  add(entry);
}

join.addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = nameInput.value.trim();
  if (wanted === "") return;
  problem.textContent = "";
  join.querySelector("button").disabled = true;
  if (socket?.readyState === WebSocket.OPEN) socket.send(wanted);
  else connect(wanted);
});

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = textInput.value.trim();
  if (text === "" || socket?.readyState !== WebSocket.OPEN) return;
  socket.send(text);
  // The room sends a line to all but the one who said it.
  if (!text.startsWith("/")) {
    show(name, text);
    addAll();
  }
  textInput.value = "";
});
