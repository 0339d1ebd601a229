package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sotto/leg/media"
)

var (
	compareAddr = cmp.Options{cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.IgnoreUnexported(Stream{})}
	here        = Local{Addr: netip.MustParseAddrPort("192.0.2.9:4000"), ID: 7, Version: 1}
)

// lines joins the lines of a description as a peer would send them.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }

// offerOf is an offer with these lines after the session part.
func offerOf(media ...string) string {
	return lines(append([]string{"v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"}, media...)...)
}

func TestAnswerChoosesWhatBothCanDo(t *testing.T) {
	remote := netip.MustParseAddrPort("192.0.2.1:49170")
	for _, tt := range []struct {
		name  string
		offer string
		want  Stream
		lines []string // that the answer must have
	}{
		{
			name:  "mu-law first",
			offer: offerOf("m=audio 49170 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000"),
			want:  Stream{Remote: remote, Law: media.Mulaw, Events: 101, HasEvents: true, Ptime: 20, Direction: SendRecv},
			lines: []string{"m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", "a=sendrecv"},
		},
		{
			name:  "A-law first, events at 97",
			offer: offerOf("m=audio 49170 RTP/AVP 18 8 0 97", "a=rtpmap:97 telephone-event/8000", "a=ptime:30"),
			want:  Stream{Remote: remote, Law: media.Alaw, Payload: 8, Events: 97, HasEvents: true, Ptime: 30, Direction: SendRecv},
			lines: []string{"m=audio 4000 RTP/AVP 8 97", "a=fmtp:97 0-16"},
		},
		{
			name:  "a dynamic type for A-law, no events",
			offer: offerOf("m=audio 49170 RTP/AVP 111 96", "a=rtpmap:111 opus/48000/2", "a=rtpmap:96 PCMA/8000/1"),
			want:  Stream{Remote: remote, Law: media.Alaw, Payload: 96, Ptime: 20, Direction: SendRecv},
			lines: []string{"m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMA/8000"},
		},
		{
			name: "video is refused, audio second",
			offer: offerOf("m=video 3227 RTP/AVP 31", "a=rtpmap:31 LPC", "m=audio 49170 RTP/AVP 0",
				"m=audio 49172 RTP/AVP 8"),
			want:  Stream{Remote: remote, Law: media.Mulaw, Ptime: 20, Direction: SendRecv},
			lines: []string{"m=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 0", "m=audio 0 RTP/AVP 8"},
		},
		{
			name:  "encrypted first, plain second",
			offer: offerOf("m=audio 49168 RTP/SAVP 0", "m=audio 49170 RTP/AVP 0"),
			want:  Stream{Remote: remote, Law: media.Mulaw, Ptime: 20, Direction: SendRecv},
			lines: []string{"m=audio 0 RTP/SAVP 0", "m=audio 4000 RTP/AVP 0"},
		},
		{
			name:  "held: sendonly",
			offer: offerOf("m=audio 49170 RTP/AVP 0", "a=sendonly"),
			want:  Stream{Remote: remote, Law: media.Mulaw, Ptime: 20, Direction: RecvOnly},
			lines: []string{"a=recvonly"},
		},
		{
			name:  "held: inactive for the whole session",
			offer: offerOf("a=inactive", "m=audio 49170 RTP/AVP 0"),
			want:  Stream{Remote: remote, Law: media.Mulaw, Ptime: 20, Direction: Inactive},
			lines: []string{"a=inactive"},
		},
		{
			name:  "held the old way",
			offer: offerOf("m=audio 49170 RTP/AVP 0", "c=IN IP4 0.0.0.0"),
			want:  Stream{Remote: netip.MustParseAddrPort("0.0.0.0:49170"), Law: media.Mulaw, Ptime: 20, Direction: RecvOnly},
			lines: []string{"a=recvonly"},
		},
		{
			name:  "its own address for the stream, IPv6",
			offer: offerOf("m=audio 49170 RTP/AVP 0", "c=IN IP6 2001:db8::7"),
			want:  Stream{Remote: netip.MustParseAddrPort("[2001:db8::7]:49170"), Law: media.Mulaw, Ptime: 20, Direction: SendRecv},
			lines: []string{"c=IN IP4 192.0.2.9"},
		},
		{
			name:  "line ends of Unix, numbers too large in o=",
			offer: strings.ReplaceAll(strings.Replace(offerOf("m=audio 49170 RTP/AVP 0"), "1 1", "99999999999999999999 -1", 1), "\r\n", "\n"),
			want:  Stream{Remote: remote, Law: media.Mulaw, Ptime: 20, Direction: SendRecv},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, err := Parse([]byte(tt.offer))
			if err != nil {
				t.Fatalf("Parse() = %v", err)
			}
			body, got, err := Answer(o, here)
			if err != nil || !CanAnswer(o, here) {
				t.Fatalf("Answer() = %v, CanAnswer() = %v", err, CanAnswer(o, here))
			}
			if diff := cmp.Diff(tt.want, got, compareAddr); diff != "" {
				t.Errorf("stream (-want +got):\n%s", diff)
			}
			for _, l := range tt.lines {
				if !strings.Contains(string(body), l+"\r\n") {
					t.Errorf("the answer has no line %q:\n%s", l, body)
				}
			}
			if a, err := Parse(body); err != nil || len(a.Media) != len(o.Media) {
				t.Errorf("our answer has %v m= lines, the offer %d (%v)", a, len(o.Media), err)
			}
		})
	}
}

func TestAnswerRefusesWhatItCannotDo(t *testing.T) {
	for _, tt := range []struct{ name, offer string }{
		{"no G.711", offerOf("m=audio 49170 RTP/AVP 18 3")},
		{"only encrypted", offerOf("m=audio 49170 RTP/SAVP 0")},
		{"only video", offerOf("m=video 49170 RTP/AVP 31")},
		{"switched off", offerOf("m=audio 0 RTP/AVP 0")},
		{"two ports for one stream", offerOf("m=audio 49170/2 RTP/AVP 0")},
		{"type 0 means something else", offerOf("m=audio 49170 RTP/AVP 0", "a=rtpmap:0 G729/8000")},
		{"µ-law at 16 kHz", offerOf("m=audio 49170 RTP/AVP 96", "a=rtpmap:96 PCMU/16000")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, err := Parse([]byte(tt.offer))
			if err != nil {
				t.Fatalf("Parse() = %v", err)
			}
			if _, _, err := Answer(o, here); !errors.Is(err, ErrNoCommon) || CanAnswer(o, here) {
				t.Errorf("Answer() = %v, want %v; CanAnswer() = %v", err, ErrNoCommon, CanAnswer(o, here))
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in string }{
		{"nothing", ""},
		{"a newline", "\n"},
		{"no v=", lines("o=- 1 1 IN IP4 192.0.2.1", "m=audio 1 RTP/AVP 0")},
		{"another version", lines("v=1", "m=audio 1 RTP/AVP 0")},
		{"no stream", lines("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-")},
		{"no address", lines("v=0", "o=- 1 1 IN IP4 192.0.2.1", "m=audio 1 RTP/AVP 0")},
		{"a port too large", offerOf("m=audio 65536 RTP/AVP 0")},
		{"a negative port", offerOf("m=audio -1 RTP/AVP 0")},
		{"a port of words", offerOf("m=audio x RTP/AVP 0")},
		{"too few fields", offerOf("m=audio 1 RTP/AVP")},
		{"bytes that are no text in m=", offerOf("m=audio 1 RTP/AVP \xff")},
		{"a zero byte", offerOf("m=audio 1 RTP/AVP 0", "a=fmtp:0 \x00")},
		{"a name for an address", offerOf("m=audio 1 RTP/AVP 0", "c=IN IP4 host.example.com")},
		{"multicast", offerOf("m=audio 1 RTP/AVP 0", "c=IN IP4 224.2.36.42/127")},
		{"broadcast", offerOf("m=audio 1 RTP/AVP 0", "c=IN IP4 255.255.255.255")},
		{"a line without =", offerOf("m=audio 1 RTP/AVP 0", "hello")},
		{"a thousand streams", offerOf(strings.Repeat("m=audio 1 RTP/AVP 0\r\n", 1000))},
		{"a thousand formats", offerOf("m=audio 1 RTP/AVP" + strings.Repeat(" 0", 1000))},
		{"64 KiB", offerOf("m=audio 1 RTP/AVP 0", "a="+strings.Repeat("x", 64<<10))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := Parse([]byte(tt.in)); !errors.Is(err, ErrSyntax) {
				t.Errorf("Parse() = %+v, %v; want %v", s, err, ErrSyntax)
			}
		})
	}
}

func TestAcceptReadsTheAnswerToOurOffer(t *testing.T) {
	offer, err := Parse(Offer(here))
	if err != nil {
		t.Fatalf("our offer: %v", err)
	}
	peer := Local{Addr: netip.MustParseAddrPort("192.0.2.1:49170"), ID: 1, Version: 1, Direction: SendOnly}
	body, st, err := Answer(offer, peer)
	if err != nil {
		t.Fatalf("Answer() = %v", err)
	}
	if st.Direction != SendOnly || st.Events != 101 {
		t.Errorf("the peer's stream = %+v", st)
	}
	answer, err := Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Accept(answer, here)
	want := Stream{
		Remote: peer.Addr, Law: media.Mulaw, Events: 101, HasEvents: true, Ptime: 20, Direction: RecvOnly, RTCPMux: true,
	}
	if diff := cmp.Diff(want, got, compareAddr); err != nil || diff != "" {
		t.Errorf("Accept() = %v (-want +got):\n%s", err, diff)
	}
}

func FuzzSDP(f *testing.F) {
	f.Add([]byte(offerOf("m=audio 49170 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:20")))
	f.Add([]byte(offerOf("m=video 3227 RTP/AVP 31", "m=audio 49170 RTP/AVPF 96", "a=rtpmap:96 PCMA/8000", "c=IN IP6 ::1")))
	f.Add([]byte(offerOf("m=audio 4294967296 RTP/AVP 4294967296", "a=fmtp:\x00")))
	f.Add([]byte(offerOf("m=audio 4 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "+inline(media.CM128SHA80, "i")+"|2^20 -X")))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Parse(b)
		if err != nil {
			return
		}
		for _, p := range []Policy{Opportunistic, Required} {
			_, st, err := Answer(o, closed(p))
			if (err == nil) != CanAnswer(o, closed(p)) || err == nil && p == Required && st.Keys.Suite.KeyLen() != len(st.Keys.In) {
				t.Fatalf("policy %d: Answer() = %v", p, err)
			}
		}
		body, st, err := Answer(o, here)
		if (err == nil) != CanAnswer(o, here) {
			t.Fatalf("Answer() = %v, CanAnswer() = %v", err, CanAnswer(o, here))
		}
		if err != nil {
			return
		}
		// Whatever was offered, our answer is a description with as many
		// streams, one of them on, at our address.
		a, err := Parse(body)
		if err != nil {
			t.Fatalf("our answer cannot be read: %v\n%s", err, body)
		}
		on := 0
		for _, m := range a.Media {
			if m.Port != 0 {
				on++
				if m.Port != here.Addr.Port() || m.Addr != here.Addr.Addr() {
					t.Fatalf("our answer leads to %v:%d", m.Addr, m.Port)
				}
			}
		}
		if on != 1 || len(a.Media) != len(o.Media) || st.Payload > 127 {
			t.Fatalf("%d streams of %d are on, payload %d\n%s", on, len(a.Media), st.Payload, body)
		}
	})
}

func TestReportsGoWithTheAudioWhenBothSay(t *testing.T) {
	l := Local{Addr: netip.MustParseAddrPort("192.0.2.1:4000"), ID: 1, Version: 1}
	for _, with := range []bool{false, true} {
		lines := []string{"m=audio 49170 RTP/AVP 0"}
		if with {
			lines = append(lines, "a=rtcp-mux")
		}
		peer, err := Parse([]byte(offerOf(lines...)))
		if err != nil {
			t.Fatal(err)
		}
		answer, st, err := Answer(peer, l)
		if err != nil || st.RTCPMux != with || strings.Contains(string(answer), "a=rtcp-mux\r\n") != with {
			t.Errorf("offered %v: answered %v, %v:\n%s", with, st.RTCPMux, err, answer)
		}
		st, err = Accept(peer, l)
		if err != nil || st.RTCPMux != with {
			t.Errorf("answered %v: agreed %v, %v", with, st.RTCPMux, err)
		}
	}
	if !strings.Contains(string(Offer(l)), "a=rtcp-mux\r\n") {
		t.Error("our offer does not say that reports may come with the audio")
	}
}
