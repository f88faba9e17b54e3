// Floor 0: vocabulary.

/**
 * The live page: HTML with its style and its program. `{nonce}` and `{title}` stand for what is put in when it is served. What was traced is only ever
 * set as text.
 */
export const LIVE_PAGE: string = String.raw`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style nonce="{nonce}">
:root {
  color-scheme: light dark;
  --paper: #f7f7f5; --panel: #ffffff; --ink: #1d2126; --soft: #667079; --line: #dcdfe2;
  --client: #0b62c4; --server: #a4520a; --bad: #b3261e; --mark: #ffe28a; --chosen: #e4edf9;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --panel: #1b1f23; --ink: #e3e6e8; --soft: #98a2ab; --line: #30363b;
    --client: #78b4ff; --server: #ffb26b; --bad: #ff8a80; --mark: #6b5600; --chosen: #22344c;
  }
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: grid; grid-template-rows: auto minmax(0, 1fr); background: var(--paper); color: var(--ink);
  font: 14px/1.4 system-ui, sans-serif;
}
header {
  display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; padding: 8px 14px;
  background: var(--panel); border-bottom: 1px solid var(--line);
}
h1 { font-size: 15px; margin: 0; font-weight: 600; }
#state { color: var(--soft); font-size: 13px; margin-right: auto; }
#state.off { color: var(--bad); }
button, input, select {
  font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line);
  border-radius: 6px; padding: 4px 10px;
}
button { cursor: pointer; }
button[aria-pressed="true"] { background: var(--mark); border-color: transparent; }
:focus-visible { outline: 2px solid var(--client); outline-offset: 1px; }
#search { width: min(22em, 45vw); }
#search.bad { border-color: var(--bad); }
main { display: grid; grid-template-columns: minmax(190px, 280px) minmax(0, 1fr); min-height: 0; }
nav { overflow: auto; border-right: 1px solid var(--line); background: var(--panel); }
nav h2, #lanes h2 { font-size: 12px; font-weight: 600; color: var(--soft); margin: 10px 14px 4px; }
nav ul { list-style: none; margin: 0; padding: 0 6px 10px; }
nav button {
  width: 100%; text-align: left; border: 0; background: none; padding: 6px 8px; border-radius: 6px;
  display: grid; grid-template-columns: auto 1fr auto; gap: 0 8px;
}
nav button:hover { background: var(--paper); }
nav button[aria-pressed="true"] { background: var(--chosen); }
nav .who { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
nav .sizes { grid-column: 2 / 4; font: 12px var(--mono); color: var(--soft); }
.id { color: var(--soft); font: 12px/20px var(--mono); }
.dot { width: 8px; height: 8px; border-radius: 50%; align-self: center; background: #2e9e5b; }
.dot.over { background: var(--line); }
.dot.bad { background: var(--bad); }
section.work { display: grid; grid-template-rows: auto minmax(0, 3fr) minmax(0, 2fr); min-height: 0; min-width: 0; }
#lanes { border-bottom: 1px solid var(--line); padding-bottom: 4px; }
#lanes h2 { display: flex; gap: 14px; }
#lanes .key::before { content: ""; display: inline-block; width: 9px; height: 9px; margin-right: 5px; border-radius: 2px; background: var(--c); }
.key.client { --c: var(--client); } .key.server { --c: var(--server); }
canvas { display: block; width: 100%; height: 108px; cursor: pointer; }
#events { overflow: auto; }
table { width: 100%; border-collapse: collapse; font: 12.5px/1.45 var(--mono); table-layout: fixed; }
thead th {
  position: sticky; top: 0; background: var(--paper); text-align: left; font: 600 12px system-ui, sans-serif;
  color: var(--soft); padding: 5px 8px; border-bottom: 1px solid var(--line);
}
td { padding: 2px 8px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
th:nth-child(1) { width: 10em; } th:nth-child(2) { width: 4.2em; } th:nth-child(3) { width: 2.6em; } th:nth-child(4) { width: 6em; }
th:nth-child(4), td:nth-child(4) { text-align: right; }
tbody tr { cursor: pointer; }
tbody tr:hover { background: var(--panel); }
tbody tr[aria-selected="true"] { background: var(--chosen); }
tr.client td:nth-child(3) { color: var(--client); } tr.server td:nth-child(3) { color: var(--server); }
tr.status td { color: var(--soft); } tr.bad td { color: var(--bad); }
tr.message td:nth-child(5) { font-weight: 600; }
#none { padding: 28px; color: var(--soft); text-align: center; }
#detail { overflow: auto; border-top: 1px solid var(--line); background: var(--panel); }
#detail h2 { font-size: 13px; margin: 8px 14px 0; font-weight: 600; }
#detail .bytes { display: flex; flex-wrap: wrap; gap: 4px 28px; padding: 4px 14px 12px; }
pre { margin: 0; font: 12.5px/1.45 var(--mono); }
#text { white-space: pre-wrap; overflow-wrap: anywhere; flex: 1 1 24em; }
mark { background: var(--mark); color: inherit; border-radius: 2px; }
@media (max-width: 700px) {
  main { grid-template-columns: 1fr; grid-template-rows: 130px minmax(0, 1fr); }
  nav { border-right: 0; border-bottom: 1px solid var(--line); }
}
</style>
</head>
<body>
<header>
  <h1>{title}</h1>
  <span id="state" role="status">connecting</span>
  <input id="search" type="search" placeholder="Search: text, /expression/ or 0a ff" aria-label="Search" spellcheck="false">
  <select id="side" aria-label="Direction">
    <option value="">Both directions</option><option value="client">From client</option><option value="server">From server</option>
  </select>
  <button id="pause" aria-pressed="false">Pause</button>
  <button id="clear">Clear</button>
</header>
<main>
  <nav aria-label="Connections"><h2>Connections</h2><ul id="connections"></ul></nav>
  <section class="work">
    <div id="lanes"><h2>Timeline <span class="key client">from client</span> <span class="key server">from server</span></h2>
      <canvas id="timeline" role="img" aria-label="Data over time, one lane for each connection"></canvas></div>
    <div id="events">
      <table><thead><tr><th>Time</th><th>No.</th><th></th><th>Bytes</th><th>Content</th></tr></thead><tbody id="rows"></tbody></table>
      <p id="none">Nothing yet. Connect a client to the tracer.</p>
    </div>
    <div id="detail" hidden><h2 id="what"></h2><div class="bytes"><pre id="hex"></pre><pre id="text"></pre></div></div>
  </section>
</main>
<script nonce="{nonce}">
"use strict";
(function () {
  var MOST_EVENTS = 20000, MOST_ROWS = 500, MOST_LANES = 8, MOST_LISTED = 200, MOST_PRESSED = 1000;
  var byId = function (id) { return document.getElementById(id); };
  var events = [], connections = new Map(), waiting = [], missed = 0, lastN = -1;
  var chosen = 0, selected = null, paused = false, live = false, dirty = true, search = null, follow = true;
  var shown = [], places = [], run = "", pressed = -Infinity, asked = false, detail = null;

  function make(tag, className, text) {
    var element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function two(n) { return n < 10 ? "0" + n : String(n); }
  function clock(time) {
    var date = new Date(time);
    return two(date.getHours()) + ":" + two(date.getMinutes()) + ":" + two(date.getSeconds()) + "." +
      String(date.getMilliseconds()).padStart(3, "0");
  }
  function amount(n) {
    if (n < 1000) return n + " B";
    if (n < 1e6) return (n / 1e3).toFixed(1) + " kB";
    return n < 1e9 ? (n / 1e6).toFixed(1) + " MB" : (n / 1e9).toFixed(2) + " GB";
  }
  function bytesOf(event) {
    if (!event.raw) {
      var text = atob(event.bytes || "");
      event.raw = new Uint8Array(text.length);
      for (var i = 0; i < text.length; i++) event.raw[i] = text.charCodeAt(i);
    }
    return event.raw;
  }
  var UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
  function safe(text) {
    return text.replace(UNSAFE, function (c) {
      var code = c.charCodeAt(0);
      return code === 13 ? "\\r" : code === 0 ? "\\0" : code < 256
        ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
    });
  }
  function textOf(event) {
    if (event.plain === undefined) {
      event.plain = event.bytes === undefined ? "" : safe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytesOf(event)).replace(/\r\n/g, "\n"));
    }
    return event.plain;
  }
  function hexOf(event) {
    var bytes = bytesOf(event), lines = [], start = event.type === "data" ? event.offset : 0;
    for (var at = 0; at < bytes.length; at += 16) {
      var hex = "", plain = "";
      for (var i = 0; i < 16; i++) {
        var byte = bytes[at + i];
        hex += (i === 8 ? "  " : " ") + (byte === undefined ? "  " : byte.toString(16).padStart(2, "0"));
        if (byte !== undefined) plain += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".";
      }
      lines.push((start + at).toString(16).padStart(8, "0") + hex + "  " + plain);
    }
    if (bytes.length < event.size) lines.push("(" + (event.size - bytes.length) + " more bytes)");
    return lines.join("\n");
  }
  function summary(event) {
    if (event.type === "data") return textOf(event).slice(0, 300).replace(/\n/g, " \u21b5 ");
    if (event.type === "message") {
      var more = /^\[(text|ping|pong)/.test(event.text) && !/\] /.test(event.text) ? " " + textOf(event).slice(0, 300) : "";
      return safe(event.text) + more.replace(/\n/g, " \u21b5 ");
    }
    return safe(event.text || event.type);
  }

  function connectionOf(event) {
    var found = connections.get(event.connection);
    if (!found) {
      found = { id: event.connection, client: "", server: "", sizes: { client: 0, server: 0 }, state: "open" };
      connections.set(event.connection, found);
    }
    return found;
  }
  function take(event) {
    if (event.n <= lastN) return;
    if (lastN >= 0) missed += event.n - lastN - 1;
    lastN = event.n;
    var connection = connectionOf(event);
    if (event.type === "open") { connection.client = event.client; connection.server = event.server; connection.transport = event.transport; }
    if (event.type === "data" || event.type === "skipped") connection.sizes[event.from] += event.size;
    if (event.type === "error" || event.type === "reset" || event.type === "fault") connection.bad = true;
    if (event.type === "close") connection.state = "over";
    events.push(event);
    if (events.length > MOST_EVENTS * 1.2) {
      events.splice(0, events.length - MOST_EVENTS);
      var alive = new Set(events.map(function (each) { return each.connection; }));
      forget(function (id) { return !alive.has(id); });
    }
    dirty = true;
  }
  // Connections that are over; the one that is chosen may be among them.
  function forget(which) {
    connections.forEach(function (each, id) { if (each.state === "over" && which(id)) connections.delete(id); });
    if (!connections.has(chosen)) chosen = 0;
  }

  function parseSearch(text) {
    var match = /^\/(.+)\/([ims]*)$/.exec(text);
    if (match) {
      var pattern = new RegExp(match[1], match[2]);
      return { test: function (event) { return pattern.test(textOf(event)) || pattern.test(event.text || ""); }, pattern: new RegExp(match[1], match[2] + "g") };
    }
    var wanted = text.toLowerCase();
    var hex = /^[0-9a-f]{2}([ ]+[0-9a-f]{2})*$/i.test(text) ? text.split(/ +/).map(function (each) { return parseInt(each, 16); }) : null;
    return {
      test: function (event) {
        if (textOf(event).toLowerCase().includes(wanted) || (event.text || "").toLowerCase().includes(wanted)) return true;
        return hex !== null && event.bytes !== undefined && holds(bytesOf(event), hex);
      },
      pattern: new RegExp(text.replace(/[.*+?^$(){}|[\]\\]/g, "\\$&"), "gi"),
    };
  }
  function holds(bytes, run) {
    for (var at = bytes.indexOf(run[0]); at >= 0; at = bytes.indexOf(run[0], at + 1)) {
      var i = 1;
      while (i < run.length && bytes[at + i] === run[i]) i++;
      if (i === run.length) return true;
    }
    return false;
  }
  function fits(event) {
    if (chosen && event.connection !== chosen) return false;
    // What messages tell is not shown twice.
    if (event.type === "data" && event.decoded) return false;
    var side = byId("side").value;
    if (side && event.from && event.from !== side) return false;
    return search === null || search.test(event);
  }

  function drawConnections() {
    var list = byId("connections"), items = [];
    var focused = list.contains(document.activeElement) ? document.activeElement.value : "", focus = null;
    var all = Array.from(connections.values()), rest = all.length - MOST_LISTED;
    // The newest, and the one that is chosen: where else would it be let go?
    if (rest > 0) all = all.filter(function (each, i) { return i >= rest || each.id === chosen; });
    all.reverse().forEach(function (each) {
      var button = make("button");
      button.value = each.id;
      if (button.value === focused) focus = button;
      button.setAttribute("aria-pressed", String(each.id === chosen));
      var dot = make("span", "dot" + (each.bad ? " bad" : each.state === "over" ? " over" : ""));
      dot.title = each.state === "over" ? "closed" : "open";
      button.append(dot, make("span", "who", safe(each.client) || "?"), make("span", "id", "#" + each.id));
      button.append(make("span", "sizes", "\u2191 " + amount(each.sizes.client) + "  \u2193 " + amount(each.sizes.server)));
      button.title = safe(each.client + " \u2192 " + each.server + " (" + (each.transport || "") + ")");
      button.onclick = function () { chosen = chosen === each.id ? 0 : each.id; follow = true; dirty = true; };
      var item = make("li");
      item.append(button);
      items.push(item);
    });
    list.replaceChildren.apply(list, items);
    if (focus) focus.focus({ preventScroll: true });
  }
  function drawRows() {
    shown = [];
    for (var i = events.length - 1; i >= 0 && shown.length < MOST_ROWS; i--) if (fits(events[i])) shown.push(events[i]);
    shown.reverse();
    var rows = shown.map(function (event) {
      var kind = event.type === "data" ? event.from : event.type === "message" ? event.from + " message"
        : /error|reset|fault|drop|skipped/.test(event.type) ? "bad" : "status";
      var row = make("tr", kind);
      row.setAttribute("aria-selected", String(event === selected));
      row.append(make("td", "", clock(event.time)), make("td", "", "#" + event.connection));
      row.append(make("td", "", event.from ? (event.from === "client" ? "\u2192" : "\u2190") : ""));
      row.append(make("td", "", event.size === undefined ? "" : String(event.size)), make("td", "", summary(event)));
      row.onclick = function () { select(event); };
      return row;
    });
    var body = byId("rows"), box = byId("events");
    body.replaceChildren.apply(body, rows);
    byId("none").hidden = rows.length > 0;
    byId("none").textContent = events.length > 0 ? "Nothing that fits the search." : "Nothing yet. Connect a client to the tracer.";
    if (follow) box.scrollTop = box.scrollHeight;
  }
  function drawTimeline() {
    var canvas = byId("timeline"), ratio = window.devicePixelRatio || 1;
    var width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    var g = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    var color = function (name) { return style.getPropertyValue("--" + name).trim(); };
    g.scale(ratio, ratio);
    places = [];
    var lanes = chosen ? [chosen] : Array.from(connections.keys()).slice(-MOST_LANES);
    var inLanes = events.filter(function (event) { return lanes.indexOf(event.connection) >= 0; });
    if (inLanes.length === 0) return;
    var first = inLanes[0].time, last = Math.max(inLanes[inLanes.length - 1].time, first + 1);
    var left = 46, right = width - 14, top = 4, bottom = height - 16;
    var each = (bottom - top) / lanes.length, most = 1;
    inLanes.forEach(function (event) { if (event.size > most) most = event.size; });
    g.font = "11px " + color("mono");
    g.textBaseline = "middle";
    lanes.forEach(function (id, i) {
      var middle = top + each * (i + 0.5);
      g.fillStyle = color("soft");
      g.textAlign = "right";
      g.fillText("#" + id, left - 10, middle);
      g.fillStyle = color("line");
      g.fillRect(left, middle, right - left, 1);
    });
    inLanes.forEach(function (event) {
      var x = left + (event.time - first) / (last - first) * (right - left);
      var middle = top + each * (lanes.indexOf(event.connection) + 0.5);
      var faint = search !== null && !search.test(event);
      g.globalAlpha = faint ? 0.2 : 1;
      // Of messages the frames were counted, the messages are drawn.
      if (event.type === "data" && event.decoded) return;
      if (event.size !== undefined) {
        var size = 3 + Math.log(1 + event.size) / Math.log(1 + most) * (each / 2 - 4);
        g.fillStyle = color(event.from);
        g.fillRect(x - 1.5, event.from === "client" ? middle - size : middle + 1, 3, size);
      } else if (event.type !== "connect") {
        g.fillStyle = /error|reset|fault|drop/.test(event.type) ? color("bad") : color("soft");
        g.beginPath();
        g.arc(x, middle + 0.5, 3, 0, 7);
        g.fill();
      }
      places.push({ x: x, y: middle, event: event });
    });
    g.globalAlpha = 1;
    g.fillStyle = color("soft");
    g.textAlign = "left";
    g.fillText(clock(first), left, height - 6);
    g.textAlign = "right";
    g.fillText(clock(last), right, height - 6);
  }
  function highlight(target, text) {
    target.replaceChildren();
    if (search === null) { target.textContent = text; return; }
    var at = 0, count = 0;
    text.replace(search.pattern, function (match) {
      var index = arguments[arguments.length - 2];
      if (typeof index !== "number") index = text.indexOf(match, at);
      if (match === "" || ++count > 500) return match;
      target.append(text.slice(at, index), make("mark", "", match));
      at = index + match.length;
      return match;
    });
    target.append(text.slice(at));
  }
  function drawDetail() {
    byId("detail").hidden = selected === null;
    if (selected === null) return;
    var connection = connections.get(selected.connection);
    var who = selected.from ? (selected.from === "client" ? "client \u2192 server" : "client \u2190 server") : "";
    var words = selected.type === "data" ? selected.size + " bytes at " + selected.offset : safe(selected.text || "");
    byId("what").textContent = clock(selected.time) + "  #" + selected.connection + "  " +
      (connection ? safe(connection.client) + "  " : "") + who + "  " + words;
    // What is marked in them stays marked.
    if (detail && detail.event === selected && detail.search === search) return;
    detail = { event: selected, search: search };
    byId("hex").textContent = selected.bytes === undefined ? "" : hexOf(selected);
    highlight(byId("text"), textOf(selected));
  }
  function select(event) {
    selected = event;
    follow = event === shown[shown.length - 1];
    dirty = true;
  }
  function draw() {
    asked = false;
    // What is pressed has to be there still when it is let go; not all presses are told the end of.
    if (dirty && performance.now() - pressed > MOST_PRESSED) {
      dirty = false;
      drawConnections();
      drawRows();
      drawTimeline();
      drawDetail();
      var state = byId("state"), open = 0;
      connections.forEach(function (each) { if (each.state === "open") open++; });
      state.className = live ? "" : "off";
      state.textContent = (live ? "" : "not connected to the tracer; ") + open + " open, " + connections.size + " in all, " + events.length + " events" +
        (missed > 0 ? ", " + missed + " missed" : "") + (paused ? ", paused: " + waiting.length + " wait" : "");
    }
  }
  function later() {
    if (dirty && !asked) { asked = true; requestAnimationFrame(draw); }
    setTimeout(later, 60);
  }

  byId("pause").onclick = function () {
    paused = !paused;
    this.setAttribute("aria-pressed", String(paused));
    this.textContent = paused ? "Resume" : "Pause";
    if (!paused) { waiting.forEach(take); waiting = []; }
    dirty = true;
  };
  byId("clear").onclick = function () {
    events = [];
    selected = null;
    missed = 0;
    forget(function () { return true; });
    dirty = true;
  };
  byId("search").oninput = function () {
    this.classList.remove("bad");
    try { search = this.value === "" ? null : parseSearch(this.value); } catch (_) { this.classList.add("bad"); }
    follow = true;
    dirty = true;
  };
  byId("side").onchange = function () { dirty = true; };
  byId("events").onscroll = function () { follow = this.scrollTop + this.clientHeight > this.scrollHeight - 30; };
  byId("timeline").onclick = function (click) {
    var box = this.getBoundingClientRect(), x = click.clientX - box.left, y = click.clientY - box.top, best = null, least = 900;
    places.forEach(function (place) {
      var far = Math.pow(place.x - x, 2) + Math.pow((place.y - y) / 2, 2);
      if (far < least) { least = far; best = place.event; }
    });
    if (best) select(best);
  };
  document.addEventListener("keydown", function (key) {
    if (/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) return;
    if (key.key === "/") { byId("search").focus(); key.preventDefault(); }
    if (key.key !== "ArrowDown" && key.key !== "ArrowUp") return;
    var at = shown.indexOf(selected), next = shown[at + (key.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    select(next);
    key.preventDefault();
    draw();
    var row = byId("rows").children[shown.indexOf(next)];
    if (row) row.scrollIntoView({ block: "nearest" });
  });
  window.addEventListener("pointerdown", function (press) {
    if (press.button === 0 && press.target.closest("#rows, #connections")) pressed = performance.now();
  });
  window.addEventListener("keydown", function (key) {
    if (key.key === " " && !key.repeat && key.target.closest("#connections")) pressed = performance.now();
  });
  // Behind the click.
  function release() { setTimeout(function () { pressed = -Infinity; }); }
  window.addEventListener("pointerup", release);
  window.addEventListener("keyup", release);
  window.addEventListener("resize", function () { dirty = true; });

  // A tracer that was started anew counts from the beginning.
  function meet(other) {
    if (run !== "" && run !== other) {
      events = []; waiting = []; connections.clear();
      selected = null; chosen = 0; missed = 0;
    }
    if (run !== other) lastN = -1;
    run = other;
    dirty = true;
  }
  function listen() {
    var socket = new WebSocket("ws://" + location.host + "/events");
    socket.onopen = function () { live = true; dirty = true; };
    socket.onmessage = function (message) {
      var batch = JSON.parse(message.data);
      if (!Array.isArray(batch)) { meet(batch.run); return; }
      if (!paused) { batch.forEach(take); return; }
      // One that was connected anew is told again what it has.
      var last = waiting.length > 0 ? waiting[waiting.length - 1].n : lastN;
      for (var i = 0; i < batch.length; i++) if (batch[i].n > last) waiting.push(batch[i]);
      if (waiting.length > MOST_EVENTS) waiting.splice(0, waiting.length - MOST_EVENTS);
      dirty = true;
    };
    socket.onclose = function () { live = false; dirty = true; setTimeout(listen, 1000); };
  }
  listen();
  later();
})();
</script>
</body>
</html>
`;
