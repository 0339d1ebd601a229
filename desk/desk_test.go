package desk_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sotto"
	"sotto/desk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fresh is the configuration of a desk on free ports that is made already.
func fresh(t *testing.T) desk.Config {
	t.Helper()
	c := desk.DefaultConfig()
	c.Data, c.LogTo = filepath.Join(t.TempDir(), "data"), io.Discard
	c.HTTP, c.SIP, c.MediaPortMin, c.MediaPortMax = "127.0.0.1:0", "127.0.0.1:0", 0, 0
	if err := desk.Init(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDeskServesClosesAndServesAgain(t *testing.T) {
	c := fresh(t)
	ctx := context.Background()
	for range 2 {
		d, err := desk.Open(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Serve(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"/": 200, "/healthz": 200, "/readyz": 200, "/metrics": 200, "/nothing": 404, "/api/v2/users": 401} {
			res, err := http.Get("http://" + s.HTTP() + path)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != want {
				t.Errorf("GET %s = %d, want %d", path, res.StatusCode, want)
			}
			_ = res.Body.Close()
		}
		http.DefaultClient.CloseIdleConnections()
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if wrong, err := d.Check(ctx); err != nil || len(wrong) > 0 {
			t.Errorf("check: %v, %v", wrong, err)
		}
		for range 2 {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestDataFolderHasOneOwner(t *testing.T) {
	c := fresh(t)
	d, err := desk.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := desk.Open(context.Background(), c); sotto.KindOf(err) != sotto.Busy {
		t.Errorf("second owner = %v, want busy", err)
	}
}

func TestDeskRefusesRatherThanGuesses(t *testing.T) {
	ctx := context.Background()
	made := fresh(t)
	missing := made
	missing.Data = filepath.Join(t.TempDir(), "none")
	tests := []struct {
		name string
		do   func() error
		want sotto.Kind
	}{
		{"InitOverADesk", func() error { return desk.Init(ctx, made) }, sotto.Conflict},
		{"OpenWhereNoneIs", func() error { _, err := desk.Open(ctx, missing); return err }, sotto.NotFound},
		{"NoPort", func() error { c := made; c.HTTP = "127.0.0.1"; _, err := desk.Open(ctx, c); return err }, sotto.Invalid},
		{"LogLevel", func() error { c := made; c.LogLevel = "loud"; _, err := desk.Open(ctx, c); return err }, sotto.Invalid},
		{"TrunkWithoutAddress", func() error {
			c := made
			c.Trunks = []desk.Trunk{{Name: "x"}}
			_, err := desk.Open(ctx, c)
			return err
		}, sotto.Invalid},
		{"TrunksOfOneName", func() error {
			c, k := made, desk.Trunk{Name: "x", Addresses: []string{"192.0.2.1"}}
			c.Trunks = []desk.Trunk{k, k}
			_, err := desk.Open(ctx, c)
			return err
		}, sotto.Invalid},
	}
	for _, tt := range tests {
		if err := tt.do(); sotto.KindOf(err) != tt.want || sotto.SayOf(err) == "" {
			t.Errorf("%s = %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestManualIsTheDefaults(t *testing.T) {
	c := desk.DefaultConfig()
	if c.HTTP != "127.0.0.1:8080" || c.SIP != "127.0.0.1:5060" || c.MediaTimeout != 20 || c.Region != "FR" {
		t.Errorf("defaults = %+v", c)
	}
	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(printed.String(), "\n") {
		key, _, ok := strings.Cut(l, ":")
		if ok && !strings.HasPrefix(key, " ") && !bytes.Contains(desk.Manual(), []byte("\n"+key+":")) {
			t.Errorf("the manual does not explain %s", key)
		}
	}
}

func TestUnknownKeyInTheConfigurationIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sotto.yaml")
	write(t, path, "datta: /srv\n")
	if _, err := desk.LoadConfig(path); sotto.KindOf(err) != sotto.Invalid || !strings.Contains(sotto.SayOf(err), "datta") {
		t.Errorf("LoadConfig = %v, want invalid that names the key", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The keys of a trunk stand in the manual as comments; each must be one that
// the file may hold.
func TestManualNamesEveryKeyOfATrunk(t *testing.T) {
	manual, err := os.ReadFile("sotto.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := "trunks:\n"
	for l := range strings.Lines(string(manual)) {
		if i := strings.Index(l, "   - name: carrier"); i == 1 || text != "trunks:\n" && strings.HasPrefix(l, "#     ") {
			text += strings.TrimPrefix(l, "#")
		} else if text != "trunks:\n" {
			break
		}
	}
	path := filepath.Join(t.TempDir(), "sotto.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := desk.LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Trunks) != 1 || c.Trunks[0].Address == "" {
		t.Fatalf("trunks = %+v", c.Trunks)
	}
	for i, trunk := 0, reflect.TypeFor[desk.Trunk](); i < trunk.NumField(); i++ {
		if key := trunk.Field(i).Tag.Get("yaml"); !strings.Contains(text, " "+key+":") {
			t.Errorf("the manual has no key %s", key)
		}
	}
}
