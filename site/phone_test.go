package site_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"sotto/site"
)

func TestTelephoneHasItsWordsAndNothingFromElsewhere(t *testing.T) {
	s, err := site.New("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	phone, err := s.Phone()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, want string }{
		{"/phone?lang=fr", `lang="fr"`}, {"/phone?lang=fr", "Prendre les appels ici"}, {"/phone", "Take calls here"},
		{"/phone", `role="status" aria-live="polite"`}, {"/phone/phone.js", "./wire.js"}, {"/phone/wire.js", "RTCPeerConnection"}, {"/phone/visit.js", "./wire.js"}, {"/phone/phone.css", ":focus-visible"},
	} {
		w := httptest.NewRecorder()
		phone.ServeHTTP(w, httptest.NewRequest("GET", test.path, nil))
		body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || !strings.Contains(body, test.want) {
			t.Errorf("%s: %d without %q", test.path, w.Code, test.want)
		}
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(body, "phone.state.") {
			t.Errorf("%s: policy %q, or a text is missing", test.path, policy)
		}
	}
}
