package sdp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sotto/leg/media"
)

func keyOf(s media.Suite, c string) string { return strings.Repeat(c, s.KeyLen()) }

func inline(s media.Suite, c string) string {
	return "inline:" + base64.StdEncoding.EncodeToString([]byte(keyOf(s, c)))
}

// closed is our side with a key for each suite.
func closed(p Policy) Local {
	l := here
	l.Secure = p
	for _, s := range []media.Suite{media.GCM128, media.CM128SHA80, media.CM128SHA32} {
		l.Crypto = append(l.Crypto, Crypto{Suite: s, Key: keyOf(s, "o")})
	}
	return l
}

func TestAnswerTakesEncryptedAudioAsThePolicySays(t *testing.T) {
	const cm80, cm32, gcm = media.CM128SHA80, media.CM128SHA32, media.GCM128
	line := func(tag int, s media.Suite) string { return fmt.Sprintf("a=crypto:%d %s %s", tag, s, inline(s, "i")) }
	for _, tt := range []struct {
		name    string
		offer   []string
		refused []Policy
		plain   []Policy
		suite   media.Suite
		tag     int
		proto   string
	}{
		{"the first suite we know", []string{"m=audio 4 RTP/SAVP 0", "a=crypto:1 F8_128_HMAC_SHA1_80 " + inline(cm80, "i"), line(2, cm32), line(3, gcm)},
			[]Policy{Plain}, nil, cm32, 2, "RTP/SAVP"},
		{"feedback profile", []string{"m=audio 4 RTP/SAVPF 8", line(7, gcm)}, []Policy{Plain}, nil, gcm, 7, "RTP/SAVPF"},
		{"a lifetime and no padding", []string{"m=audio 4 RTP/SAVP 0", strings.TrimRight(line(1, gcm), "=") + "|2^31"}, []Policy{Plain}, nil, gcm, 1, "RTP/SAVP"},
		{"plain only", []string{"m=audio 4 RTP/AVP 0"}, []Policy{Required}, []Policy{Plain, Opportunistic}, "", 0, "RTP/AVP"},
		{"opportunistic", []string{"m=audio 4 RTP/AVP 0", line(1, cm80)}, nil, []Policy{Plain}, cm80, 1, "RTP/AVP"},
		{"plain first, closed second", []string{"m=audio 4 RTP/AVP 0", "m=audio 6 RTP/SAVP 0", line(1, cm80)}, nil, []Policy{Plain}, cm80, 1, "RTP/SAVP"},
		{"closed without a key", []string{"m=audio 4 RTP/SAVP 0"}, []Policy{Plain, Opportunistic, Required}, nil, "", 0, ""},
		{"a key too short", []string{"m=audio 4 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:aaaa"}, []Policy{Plain, Opportunistic, Required}, nil, "", 0, ""},
		{"a key identifier", []string{"m=audio 4 RTP/SAVP 0", line(1, cm80) + "|2^20|1:4"}, []Policy{Plain, Opportunistic, Required}, nil, "", 0, ""},
		{"two keys", []string{"m=audio 4 RTP/SAVP 0", line(1, cm80) + ";" + inline(cm80, "j")}, []Policy{Plain, Opportunistic, Required}, nil, "", 0, ""},
		{"a parameter that counts", []string{"m=audio 4 RTP/SAVP 0", line(1, cm80) + " UNENCRYPTED_SRTP"}, []Policy{Plain, Opportunistic, Required}, nil, "", 0, ""},
		{"a parameter that does not", []string{"m=audio 4 RTP/SAVP 0", line(1, cm80) + " -X"}, []Policy{Plain}, nil, cm80, 1, "RTP/SAVP"},
		{"our own key", []string{"m=audio 4 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " + inline(cm80, "o")}, []Policy{Plain, Opportunistic, Required}, nil, "", 0, ""},
		{"DTLS", []string{"m=audio 4 UDP/TLS/RTP/SAVPF 0", line(1, cm80)}, []Policy{Plain, Opportunistic, Required}, nil, "", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, err := Parse([]byte(offerOf(tt.offer...)))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []Policy{Plain, Opportunistic, Required} {
				b, st, err := Answer(o, closed(p))
				if refused := bytes.IndexByte(policyBytes(tt.refused), byte(p)) >= 0; refused {
					if !errors.Is(err, ErrNoCommon) || CanAnswer(o, closed(p)) {
						t.Errorf("policy %d: Answer() = %v, want it refused", p, err)
					}
					continue
				}
				if err != nil || !CanAnswer(o, closed(p)) {
					t.Fatalf("policy %d: Answer() = %v", p, err)
				}
				if plain := bytes.IndexByte(policyBytes(tt.plain), byte(p)) >= 0; plain {
					if st.Keys != (media.Keys{}) || strings.Contains(string(b), "crypto") {
						t.Errorf("policy %d: the answer to a plain offer is %s", p, b)
					}
					continue
				}
				want := media.Keys{Suite: tt.suite, In: keyOf(tt.suite, "i"), Out: keyOf(tt.suite, "o")}
				if st.Keys != want {
					t.Errorf("policy %d: the keys are not those of %s", p, tt.suite)
				}
				for _, l := range []string{fmt.Sprintf("a=crypto:%d %s %s\r\n", tt.tag, tt.suite, inline(tt.suite, "o")), " 4000 " + tt.proto + " "} {
					if !strings.Contains(string(b), l) {
						t.Errorf("policy %d: the answer has no %q:\n%s", p, l, b)
					}
				}
			}
		})
	}
}

func policyBytes(l []Policy) []byte {
	var b []byte
	for _, p := range l {
		b = append(b, byte(p))
	}
	return b
}

func TestOfferOfKeysIsAnsweredByOne(t *testing.T) {
	for _, p := range []Policy{Opportunistic, Required} {
		l := closed(p)
		o, err := Parse(Offer(l))
		if err != nil {
			t.Fatal(err)
		}
		theirs := closed(Required)
		for i := range theirs.Crypto {
			theirs.Crypto[i].Key = keyOf(theirs.Crypto[i].Suite, "t")
		}
		if p == Opportunistic {
			theirs.Secure = p
		}
		b, st, err := Answer(o, theirs)
		if err != nil || st.Keys.Suite != media.GCM128 {
			t.Fatalf("Answer() = %v, %s", err, st.Keys.Suite)
		}
		a, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Accept(a, l)
		if err != nil || got.Keys.In != st.Keys.Out || got.Keys.Out != st.Keys.In {
			t.Errorf("Accept() = %v; the keys fit: %v", err, got.Keys.In == st.Keys.Out)
		}
		plain, err := Parse([]byte(offerOf("m=audio 4 RTP/AVP 0")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Accept(plain, l); (err == nil) != (p == Opportunistic) {
			t.Errorf("policy %d: Accept() of a plain answer = %v", p, err)
		}
	}
}

func TestKeysOfADescriptionAreNeverPrinted(t *testing.T) {
	l := closed(Required)
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "c", l.Crypto[0], "l", slog.AnyValue(l))
	fmt.Fprintf(&b, "%v %+v %#v", l, l, l)
	if strings.Contains(b.String(), "ooo") {
		t.Errorf("keys are in %s", &b)
	}
}
