// The telephone of an agent's page. It keeps nothing but the agent's token for
// this tab, so that a reload goes on with the call.
import { Wire, texts, microphone, later } from "./wire.js";

const $ = (id) => document.getElementById(id);
const words = texts();
const kept = "sotto.phone.token";
const tries = 30;
let mic, call, left = tries, stopped = false;

const show = (state) => { $("state").textContent = words[state] ?? state; document.body.dataset.state = state; };

function buttons() {
  $("accept").hidden = $("decline").hidden = !(call && !call.talking);
  $("mute").hidden = $("hangup").hidden = !call?.talking;
  $("mute").setAttribute("aria-pressed", String(Boolean(call?.muted)));
  $("caller").textContent = call ? (call.name || call.number || words.withheld) : "";
  document.title = call ? $("caller").textContent : words.title;
}

async function ticket() {
  const answer = await fetch("/api/v2/sotto/phone/tickets", { method: "POST", headers: { Authorization: "Bearer " + sessionStorage.getItem(kept) } });
  if (!answer.ok) throw Object.assign(new Error("refused"), { status: answer.status });
  return (await answer.json()).phone_ticket;
}

async function open() {
  show("connecting");
  try {
    wire.open(await ticket());
  } catch (e) {
    if (e.status === 401) { sessionStorage.removeItem(kept); out("denied"); return; }
    if (e.status === 429 || e.status === 503) { out("busy"); return; }
    again();
  }
}

// out shows the form to sign in again.
function out(state) { $("enter").hidden = false; show(state); }

async function again() {
  if (left-- <= 0) { out("lost"); return; }
  show("connecting");
  await later(1000);
  if (!stopped) open();
}

function stop() { stopped = true; wire.close(); call = undefined; silence(); buttons(); }

async function speak() {
  mic ??= await microphone();
  mic.enabled = !call?.muted;
  if (call?.talking) await wire.speak(mic);
}

function silence() {
  wire.speak(null);
  mic?.stop();
  mic = undefined;
}

const talks = () => show(call.muted ? "muted" : call.held ? "held" : "talking");

const heed = {
  ready(m) {
    call = m.call;
    if (call && !call.talking) show("ringing");
    buttons();
    wire.connect().catch(() => show("microphone"));
  },
  ring(m) {
    call = { ...m, talking: false };
    show("ringing");
    buttons();
    $("accept").focus();
    // The microphone opens while it rings: then a click is followed by sound.
    microphone().then((t) => { if (mic || !call) t.stop(); else mic = t; }, () => show("microphone"));
  },
  talking(m) {
    call = { ...call, leg: m.leg, talking: true };
    speak().catch(() => show("microphone"));
    talks();
    buttons();
    $("hangup").focus();
  },
  held(m) { if (call) { call.held = m.on; talks(); } },
  muted(m) { if (call) { call.muted = m.on; if (mic) mic.enabled = !m.on; talks(); buttons(); } },
  ended() {
    call = undefined;
    silence();
    buttons();
    show("online");
  },
  problem(m) { if (m.code !== "no-call") show("trouble"); },
};

const wire = new Wire({
  message(type, body) { heed[type]?.(body); },
  up() {
    left = tries;
    if (call?.talking) { speak().catch(() => show("microphone")); talks(); } else if (!call) show("online");
  },
  closed(code) {
    if (code === 4001) { stop(); show("replaced"); return; }
    if (code === 4002) { stop(); sessionStorage.removeItem(kept); out("denied"); return; }
    if (!stopped) again();
  },
});

const press = {
  accept: () => wire.say("accept", { leg: call.leg }),
  decline: () => wire.say("decline", { leg: call.leg }),
  hangup: () => wire.say("hangup", { leg: call.leg }),
  mute: () => wire.say("mute", { leg: call.leg, on: !call.muted }),
};
for (const [id, f] of Object.entries(press)) $(id).onclick = () => call && f();
const hotkeys = { a: "accept", d: "decline", m: "mute", e: "hangup" };
addEventListener("keydown", (e) => {
  const id = hotkeys[e.key.toLowerCase()];
  if (e.altKey && id && !$(id).hidden) { e.preventDefault(); $(id).click(); }
});
addEventListener("online", () => { if (!wire.connected) wire.restart(); });

$("enter").onsubmit = (e) => {
  e.preventDefault();
  sessionStorage.setItem(kept, $("token").value.trim());
  $("token").value = "";
  $("enter").hidden = true;
  stopped = false;
  left = tries;
  open();
};

words.title = document.title;
if (sessionStorage.getItem(kept)) { $("enter").hidden = true; open(); }
