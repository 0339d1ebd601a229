// The telephone of a page: one WebSocket, one peer connection, our messages
// (package leg/webrtc lists them). It uses no library and keeps nothing but
// an agent's token for this tab, so that a reload goes on with the call.
const $ = (id) => document.getElementById(id);
const words = $("words").dataset;
const kept = "sotto.phone.token";
const tries = 30;
let ws, pc, mic, sender, call, left = tries, stopped = false;

const show = (state) => { $("state").textContent = words[state] ?? state; document.body.dataset.state = state; };
const say = (type, body) => { if (ws?.readyState === WebSocket.OPEN) ws.send(JSON.stringify({ type, body })); };

function buttons() {
  $("accept").hidden = $("decline").hidden = !(call && !call.talking);
  $("mute").hidden = !call?.talking;
  $("hangup").hidden = !call?.talking;
  $("mute").setAttribute("aria-pressed", String(Boolean(call?.muted)));
  $("caller").textContent = call ? (call.name || call.number || words.withheld) : "";
}

async function ticket() {
  const answer = await fetch("/api/v2/sotto/phone/tickets", { method: "POST", headers: { Authorization: "Bearer " + sessionStorage.getItem(kept) } });
  if (!answer.ok) throw Object.assign(new Error("refused"), { status: answer.status });
  return (await answer.json()).phone_ticket;
}

async function open() {
  show("connecting");
  try {
    const t = await ticket();
    const at = new URL(t.path, location.href);
    at.protocol = at.protocol.replace("http", "ws");
    ws = new WebSocket(at, [t.protocol, "ticket." + t.ticket]);
    ws.onmessage = (e) => { const m = JSON.parse(e.data); heed[m.type]?.(m.body); };
    ws.onclose = (e) => closed(e.code);
  } catch (e) {
    if (e.status === 401) { sessionStorage.removeItem(kept); $("enter").hidden = false; show("denied"); return; }
    if (e.status === 429 || e.status === 503) { $("enter").hidden = false; show("busy"); return; }
    again();
  }
}

function closed(code) {
  if (code === 4001) { stop(); show("replaced"); return; }
  if (code === 4002) { stop(); sessionStorage.removeItem(kept); show("denied"); return; }
  if (!stopped) again();
}

function again() {
  if (left-- <= 0) { show("lost"); $("enter").hidden = false; return; }
  show("connecting");
  setTimeout(open, 1000);
}

function stop() { stopped = true; pc?.close(); ws?.close(); call = undefined; buttons(); }

async function connect() {
  pc?.close();
  const own = pc = new RTCPeerConnection();
  const way = pc.addTransceiver("audio", { direction: "sendrecv" });
  sender = way.sender;
  pc.ontrack = (e) => { $("ear").srcObject = new MediaStream([e.track]); };
  pc.onconnectionstatechange = () => {
    if (own !== pc) return;
    if (pc.connectionState === "connected") { left = tries; up(); }
    if (pc.connectionState === "disconnected") offer(true);
    if (pc.connectionState === "failed") connect();
  };
  await offer(false);
}

async function offer(restart) {
  const own = pc;
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: restart }));
  if (own.iceGatheringState !== "complete") {
    await new Promise((done) => {
      setTimeout(done, 500);
      own.onicegatheringstatechange = () => { if (own.iceGatheringState === "complete") done(); };
    });
  }
  if (own === pc) say("offer", { sdp: pc.localDescription.sdp, restart });
}

function up() {
  if (call?.talking) { speak(); show("talking"); return; }
  if (!call) show("online");
}

async function speak() {
  mic ??= (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks()[0];
  mic.enabled = !call?.muted;
  if (call?.talking) await sender.replaceTrack(mic);
}

function silence() {
  sender?.replaceTrack(null);
  mic?.stop();
  mic = undefined;
}

const heed = {
  ready(m) {
    call = m.call;
    if (call && !call.talking) show("ringing");
    buttons();
    connect().catch(() => show("microphone"));
  },
  async answer(m) { await pc.setRemoteDescription({ type: "answer", sdp: m.sdp }); },
  ring(m) {
    call = { ...m, talking: false };
    show("ringing");
    buttons();
    // The microphone opens while it rings: then a click is followed by sound.
    navigator.mediaDevices.getUserMedia({ audio: true }).then((s) => { mic ??= s.getAudioTracks()[0]; if (!call) silence(); }, () => show("microphone"));
  },
  talking(m) {
    call = { ...call, leg: m.leg, talking: true };
    speak().catch(() => show("microphone"));
    show("talking");
    buttons();
  },
  held(m) { if (call) { call.held = m.on; show(m.on ? "held" : "talking"); } },
  muted(m) { if (call) { call.muted = m.on; if (mic) mic.enabled = !m.on; show(m.on ? "muted" : "talking"); buttons(); } },
  ended() {
    call = undefined;
    silence();
    buttons();
    show("online");
  },
  problem(m) { if (m.code === "restart") connect(); else if (m.code !== "no-call") show("trouble"); },
};

const press = {
  accept: () => say("accept", { leg: call.leg }),
  decline: () => say("decline", { leg: call.leg }),
  hangup: () => say("hangup", { leg: call.leg }),
  mute: () => say("mute", { leg: call.leg, on: !call.muted }),
};
for (const [id, f] of Object.entries(press)) $(id).onclick = () => call && f();
const hotkeys = { a: "accept", d: "decline", m: "mute", e: "hangup" };
addEventListener("keydown", (e) => {
  const id = hotkeys[e.key.toLowerCase()];
  if (e.altKey && id && !$(id).hidden) { e.preventDefault(); $(id).click(); }
});
addEventListener("online", () => { if (pc?.connectionState !== "connected" && pc) offer(true); });

$("enter").onsubmit = (e) => {
  e.preventDefault();
  sessionStorage.setItem(kept, $("token").value.trim());
  $("token").value = "";
  $("enter").hidden = true;
  stopped = false;
  left = tries;
  open();
};

if (sessionStorage.getItem(kept)) { $("enter").hidden = true; open(); }
