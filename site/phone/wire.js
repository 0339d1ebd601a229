// The way of a page to the desk: one WebSocket, one peer connection, our
// messages (package leg/webrtc lists them). It uses no library and knows
// nothing of the page. on has message(type, body), up(), closed(code).
export class Wire {
  #ws; #pc; #sender; #track = null; #relays = []; #on;
  constructor(on) { this.#on = on; }

  // open comes in with a ticket of the API, or comes back with the word that
  // ready brought.
  open(t, back) {
    const at = new URL(t.path, location.href);
    at.protocol = at.protocol.replace("http", "ws");
    const ws = this.#ws = new WebSocket(at, [t.protocol, back ? "return." + back : "ticket." + t.ticket]);
    ws.onmessage = (e) => { if (ws === this.#ws) { const m = JSON.parse(e.data); this.#heed(m.type, m.body); } };
    ws.onclose = (e) => { if (ws === this.#ws) this.#on.closed(e.code); };
  }

  get connected() { return this.#pc?.connectionState === "connected"; }

  say(type, body) { if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(JSON.stringify({ type, body })); }

  // speak sends a microphone's track; null is silence.
  async speak(track) { this.#track = track; await this.#sender?.replaceTrack(track); }

  // connect makes a new peer connection.
  async connect() {
    this.#pc?.close();
    const own = this.#pc = new RTCPeerConnection({ iceServers: this.#relays });
    this.#sender = own.addTransceiver("audio", { direction: "sendrecv" }).sender;
    if (this.#track) await this.#sender.replaceTrack(this.#track);
    own.ontrack = (e) => { document.getElementById("ear").srcObject = new MediaStream([e.track]); };
    own.onconnectionstatechange = () => {
      if (own !== this.#pc) return;
      if (own.connectionState === "connected") this.#on.up();
      if (own.connectionState === "disconnected") this.restart();
      if (own.connectionState === "failed") this.connect();
    };
    await this.#offer(false);
  }

  // restart looks for a new way, as after a change of network.
  restart() { if (this.#pc) this.#offer(true).catch(() => this.connect()); }

  close() {
    const ws = this.#ws;
    this.#ws = undefined;
    this.#pc?.close();
    this.#pc = undefined;
    ws?.close(1000);
  }

  async #offer(restart) {
    const own = this.#pc;
    await own.setLocalDescription(await own.createOffer({ iceRestart: restart }));
    if (own.iceGatheringState !== "complete") {
      await new Promise((done) => {
        setTimeout(done, 500);
        own.onicegatheringstatechange = () => { if (own.iceGatheringState === "complete") done(); };
      });
    }
    if (own === this.#pc) this.say("offer", { sdp: own.localDescription.sdp, restart });
  }

  #heed(type, body) {
    if (type === "ready" && body.relay) this.#relays = [{ urls: body.relay.url, username: body.relay.username, credential: body.relay.credential }];
    if (type === "answer") this.#pc?.setRemoteDescription({ type: "answer", sdp: body.sdp });
    else if (type === "problem" && body.code === "restart") this.connect();
    else this.#on.message(type, body);
  }
}

// microphone opens the default microphone and returns its track.
export async function microphone() {
  return (await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } })).getAudioTracks()[0];
}

// later is a promise kept after some milliseconds.
export const later = (ms) => new Promise((done) => setTimeout(done, ms));

// texts are the page's words for its states, by name.
export const texts = () => Object.fromEntries([...document.getElementById("words").content.children].map((e) => [e.dataset.state, e.textContent]));
