// The page of a web line: a visitor calls it, speaks, and hangs up. It keeps
// nothing in the browser.
import { Wire, texts, microphone, later } from "./wire.js";

const $ = (id) => document.getElementById(id);
const words = texts();
let mic, leg, muted, consent, state, reason, began, ticking, release, pass, back, lost;
const open = !$("call").hidden;

const show = (state) => { $("state").textContent = words[state]; document.body.dataset.state = state; };

// talks shows what a visitor on a call may do; false is before and after.
function talks(on) {
  $("before").hidden = $("lead").hidden = $("call").hidden = $("other").hidden = on;
  $("during").hidden = !on;
  $("mute").setAttribute("aria-pressed", String(Boolean(muted)));
  const noted = { granted: "recorded", "not-asked": document.body.dataset.mode === "always" ? "recorded" : "unrecorded", refused: "unrecorded", withdrawn: "withdrawn" }[consent];
  $("recorded").textContent = on && noted ? words[noted] : "";
  document.body.dataset.recorded = noted ?? "";
  $("stop").hidden = !(noted === "recorded" && consent === "granted");
}

function tick() {
  const s = Math.floor((Date.now() - began) / 1000);
  $("clock").textContent = Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
}

async function call() {
  if (!navigator.mediaDevices) { show("insecure"); return; }
  $("call").disabled = true;
  try {
    show("asking");
    mic = await microphone();
    show("connecting");
    if (!await alone()) { fail("another"); return; }
    wire.open(pass = await ticket());
  } catch (e) {
    fail({ NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "nomic", 404: "none", 409: "changed", 429: "full", 503: "full" }[e.status ?? e.name] ?? "trouble");
  }
}

// alone holds a lock that only one tab of this browser can have.
async function alone() {
  if (!navigator.locks) return true;
  return new Promise((done) => {
    navigator.locks.request("sotto.call", { ifAvailable: true }, (lock) => {
      done(Boolean(lock));
      return lock ? new Promise((end) => { release = end; }) : undefined;
    });
  });
}

async function ticket() {
  const visit = { line: document.body.dataset.line, locale: document.documentElement.lang, notice: document.body.dataset.notice, ticked: Boolean($("tick")?.checked), name: $("name").value.trim() };
  const answer = await fetch("/api/v2/sotto/phone/visits", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ visit }) });
  if (!answer.ok) throw Object.assign(new Error("refused"), { status: answer.status });
  return (await answer.json()).phone_ticket;
}

// fail ends the call, or what was to be one, and says why.
function fail(why) {
  const called = !$("during").hidden;
  wire.close();
  mic?.stop();
  release?.();
  clearInterval(ticking);
  mic = leg = muted = consent = state = reason = began = release = pass = back = lost = undefined;
  $("call").disabled = false;
  $("call").textContent = $("call").dataset.again;
  talks(false);
  show(why);
  if (called) $("call").focus();
}

function start() {
  if (began) return;
  began = Date.now();
  ticking = setInterval(tick, 1000);
  tick();
  show("waiting");
  talks(true);
  $("hangup").focus();
}

const shown = { menu: "menu", queued: "waiting", greeting: "waiting", consent: "waiting", connected: "talking", voicemail: "message" };
const over = { "no-agent": "noone", "line-closed": "closed", failed: "trouble", crashed: "trouble", "caller-lost": "lost" };

const heed = {
  ready(m) {
    if (began && !m.call) { fail("lost"); return; } // it ended while the page was away
    back = m.return;
    lost = undefined;
    if (began) { muted = m.call.muted; mic.enabled = !muted; }
    wire.speak(mic);
    wire.connect().catch(() => fail("trouble"));
  },
  talking(m) { leg = m.leg; start(); },
  progress(m) {
    leg = m.leg;
    reason = m.reason;
    consent = m.consent ?? consent;
    state = shown[m.state] ?? state;
    if (began) { show(muted ? "muted" : state); talks(true); }
    if (began && m.state === "menu") $("keys").open = true;
  },
  muted(m) { muted = m.on; mic.enabled = !m.on; show(m.on ? "muted" : state ?? "waiting"); talks(true); },
  ended() { fail(over[reason] ?? "ended"); },
  problem(m) { if (m.code !== "no-call") fail("trouble"); },
};

const wire = new Wire({
  message(type, body) { heed[type]?.(body); },
  up() {
    if (!began) wire.say("call", {});
    else { show(muted ? "muted" : state ?? "waiting"); talks(true); }
  },
  closed() { if (began) comeBack(); else fail("trouble"); },
});

// comeBack goes on with the call after the connection was cut, as by a change
// of network; the desk waits 8 seconds.
async function comeBack() {
  lost ??= Date.now();
  if (!back || Date.now() - lost > 8000) { fail("lost"); return; }
  show("returning");
  await later(250);
  if (began) wire.open(pass, back);
}

const press = (digits) => { if (leg) wire.say("digits", { leg, digits }); };
const hangup = () => { if (leg) wire.say("hangup", { leg }); else fail("ended"); };

$("form").onsubmit = (e) => { e.preventDefault(); if (open) call(); };
$("hangup").onclick = hangup;
$("mute").onclick = () => wire.say("mute", { leg, on: !muted });
$("stop").onclick = () => { press("3"); $("hangup").focus(); };
for (const b of $("pad").querySelectorAll("button")) b.onclick = () => press(b.dataset.key);
addEventListener("keydown", (e) => {
  if ($("during").hidden || e.ctrlKey || e.metaKey) return;
  const id = { m: "mute", e: "hangup" }[e.key.toLowerCase()];
  if (e.altKey && id) { e.preventDefault(); $(id).click(); }
  if (!e.altKey && $("keys").open && /^[0-9*#]$/.test(e.key)) press(e.key);
});
addEventListener("beforeunload", (e) => { if (began) e.preventDefault(); });
addEventListener("online", () => { if (began && !wire.connected) wire.restart(); });
