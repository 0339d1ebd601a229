package receipt

import (
	"bytes"
	"flag"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
)

var update = flag.Bool("update", false, "write the golden files again")

// full is a record with every field set.
func full() Record {
	return Record{
		No: 7, At: time.Date(2026, 3, 1, 10, 20, 30, 456e6, time.UTC), Kind: Erasure,
		Subject: 42, Thing: "recording", ThingID: 5, Request: 9, Actor: 3, Keys: []sotto.KeyID{12, 15},
		Steps: []Step{
			{Place: "ticket.subject", Action: DestroyKey, Removed: 4},
			{Place: "blob recording", Action: Retain, Removed: 1, Retained: 2, Why: "GDPR 17(3)(b)",
				Until: time.Date(2031, 3, 1, 0, 0, 0, 0, time.UTC)},
		},
		Tombstones: [][]byte{bytes.Repeat([]byte{0xa1}, 32), bytes.Repeat([]byte{0xb2}, 32)},
		Commitment: Commit([32]byte{1, 2, 3}, "someone@example.org"),
		Scan:       Scan{Files: 120, Bytes: 1 << 30, Hits: 1},
		AuditSize:  77, AuditHead: bytes.Repeat([]byte{0xc3}, 32),
		Incomplete: []string{"provider twilio.recording"},
	}
}

func mustEncode(t testing.TB, r Record) []byte {
	t.Helper()
	b, err := r.encode()
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return b
}

func TestRecordSurvivesEncoding(t *testing.T) {
	minimal := Record{At: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), Kind: Restore}
	for name, r := range map[string]Record{"full": full(), "minimal": minimal} {
		got, err := DecodeRecord(mustEncode(t, r))
		if err != nil {
			t.Fatalf("%s: DecodeRecord: %v", name, err)
		}
		if d := cmp.Diff(r, got); d != "" {
			t.Errorf("%s: decoded record differs (-want +got):\n%s", name, d)
		}
	}
}

func TestEncodingKeepsMillisecondsInUTC(t *testing.T) {
	r := full()
	r.At = r.At.Add(789 * time.Microsecond).In(time.FixedZone("", 7200))
	if got, want := mustEncode(t, r), mustEncode(t, full()); !bytes.Equal(got, want) {
		t.Errorf("encoded\n%s, want\n%s", got, want)
	}
}

// TestEveryFieldIsInTheLeaf fails when a field is added to Record, Step or
// Scan and forgotten in the encoding.
func TestEveryFieldIsInTheLeaf(t *testing.T) {
	pairs := []struct{ public, wire any }{{Record{}, leaf{}}, {Step{}, leafStep{}}, {Scan{}, leafScan{}}}
	for _, p := range pairs {
		public, wire := reflect.TypeOf(p.public), reflect.TypeOf(p.wire)
		for i := range public.NumField() {
			if _, ok := wire.FieldByName(public.Field(i).Name); !ok {
				t.Errorf("%v.%s is not in %v", public, public.Field(i).Name, wire)
			}
		}
	}
	if got, want := reflect.TypeOf(leaf{}).NumField(), reflect.TypeOf(Record{}).NumField()+1; got != want {
		t.Errorf("leaf has %d fields, want %d: those of Record and the version", got, want)
	}
	// Each field alone, set back to zero, changes the bytes; so each is written.
	seen := map[string]string{string(mustEncode(t, full())): "full"}
	differs := func(name string, r Record) {
		b, err := r.encode()
		if err != nil {
			return // the rules notice that it is missing
		}
		if was, ok := seen[string(b)]; ok {
			t.Errorf("without %s the leaf is the same as %s", name, was)
		}
		seen[string(b)] = name
	}
	for i := range reflect.TypeOf(Record{}).NumField() {
		r := full()
		reflect.ValueOf(&r).Elem().Field(i).SetZero()
		differs(reflect.TypeOf(r).Field(i).Name, r)
	}
	for i := range reflect.TypeOf(Step{}).NumField() {
		r := full()
		reflect.ValueOf(&r.Steps[1]).Elem().Field(i).SetZero()
		differs("Step."+reflect.TypeOf(Step{}).Field(i).Name, r)
	}
	for i := range reflect.TypeOf(Scan{}).NumField() {
		r := full()
		reflect.ValueOf(&r.Scan).Elem().Field(i).SetZero()
		differs("Scan."+reflect.TypeOf(Scan{}).Field(i).Name, r)
	}
}

func TestEncodeRefusesRecordsThatBreakARule(t *testing.T) {
	tests := []struct {
		name, field string
		change      func(*Record)
	}{
		{"unknown kind", "Kind", func(r *Record) { r.Kind = "erased" }},
		{"no time", "At", func(r *Record) { r.At = time.Time{} }},
		{"time too late", "At", func(r *Record) { r.At = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"negative subject", "Subject", func(r *Record) { r.Subject = -1 }},
		{"erasure of nobody", "Subject", func(r *Record) { r.Subject = 0 }},
		{"anchor without head", "AuditHead", func(r *Record) { r.Kind, r.AuditHead = Anchor, nil }},
		{"size without head", "AuditSize", func(r *Record) { r.AuditHead = nil }},
		{"short head", "AuditHead", func(r *Record) { r.AuditHead = r.AuditHead[1:] }},
		{"short commitment", "Commitment", func(r *Record) { r.Commitment = r.Commitment[1:] }},
		{"short tombstone", "Tombstones", func(r *Record) { r.Tombstones[1] = nil }},
		{"unknown thing", "Thing", func(r *Record) { r.Thing = "diary" }},
		{"receipt without a restore", "Thing", func(r *Record) { r.Thing, r.ThingID = "receipt", 3 }},
		{"thing without number", "Thing", func(r *Record) { r.ThingID = 0 }},
		{"number without thing", "Thing", func(r *Record) { r.Thing = "" }},
		{"negative key", "Keys", func(r *Record) { r.Keys[0] = -1 }},
		{"negative hits", "Scan", func(r *Record) { r.Scan.Hits = -1 }},
		{"place with an address", "Place", func(r *Record) { r.Steps[0].Place = "someone@example.org" }},
		{"place with a number", "Place", func(r *Record) { r.Steps[0].Place = "call 01 99 00 12 34" }},
		{"place with a name", "Place", func(r *Record) { r.Steps[0].Place = "Nadja" }},
		{"empty place", "Place", func(r *Record) { r.Steps[0].Place = "" }},
		{"unknown action", "Action", func(r *Record) { r.Steps[0].Action = "hide" }},
		{"negative count", "Removed", func(r *Record) { r.Steps[0].Removed = -1 }},
		{"kept without a reason", "Why", func(r *Record) { r.Steps[1].Why = "" }},
		{"reason is a text", "Why", func(r *Record) { r.Steps[1].Why = "she asked: \"keep it\"" }},
		{"reason has a number", "Why", func(r *Record) { r.Steps[1].Why = "see 01-99-00-12" }},
		{"reason is long", "Why", func(r *Record) { r.Steps[1].Why = strings.Repeat("abc ", 20) + "d" }},
		{"duty ends too late", "Until", func(r *Record) { r.Steps[1].Until = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"unconfirmed place is a text", "Incomplete", func(r *Record) { r.Incomplete = []string{"x\ny"} }},
		{"too long", "", func(r *Record) { r.Keys = make([]sotto.KeyID, 600_000) }},
	}
	for _, tt := range tests {
		r := full()
		tt.change(&r)
		_, err := r.encode()
		if sotto.KindOf(err) != sotto.Invalid || sotto.FieldOf(err) != tt.field {
			t.Errorf("%s: encode = %v, want an invalid %q", tt.name, err, tt.field)
		}
	}
}

func TestRecordIsCompleteOnlyWhenAllConfirmedAndNothingWasFound(t *testing.T) {
	for _, tt := range []struct {
		incomplete []string
		hits       int64
		want       bool
	}{{nil, 0, true}, {[]string{"provider twilio.recording"}, 0, false}, {nil, 1, false}} {
		r := Record{Incomplete: tt.incomplete, Scan: Scan{Hits: tt.hits}}
		if got := r.Complete(); got != tt.want {
			t.Errorf("Complete with %v and %d hits = %v, want %v", tt.incomplete, tt.hits, got, tt.want)
		}
	}
}

func TestDutyCodesOfRealLawsAreAccepted(t *testing.T) {
	for _, why := range []string{"GDPR 17(3)(b)", "Regulation 2016/679", "Code de commerce L123-22", "MiFID II 16(7)", "HGB 257(4)", "CCPA 7022(e)"} {
		if !duty(why) {
			t.Errorf("duty(%q) = false, want true", why)
		}
	}
}

func TestDecodeRefusesEveryOtherForm(t *testing.T) {
	whole := string(mustEncode(t, full()))
	tests := []struct{ name, old, new string }{
		{"blank", `{"v"`, `{ "v"`},
		{"newline at the end", `]}`, "]}\n"},
		{"second value", `]}`, "]}{}"},
		{"later version", `"v":1`, `"v":2`},
		{"unknown field", `"no":7`, `"no":7,"name":"x"`},
		{"field twice", `"no":7`, `"no":6,"no":7`},
		{"field missing", `"request":9,`, ``},
		{"other case", `"no":7`, `"No":7`},
		{"other number form", `"subject":42`, `"subject":42.0`},
		{"escaped letter", `"kind":"erasure"`, `"kind":"\u0065rasure"`},
		{"upper-case hash", `a1a1`, `A1A1`},
		{"null list", `"keys":[12,15]`, `"keys":null`},
		{"comma in the time", `30.456Z`, `30,456Z`},
		{"other zone", `30.456Z`, `30.456+00:00`},
		{"day that is none", `2026-03-01`, `2026-02-30`},
		{"unknown kind", `"kind":"erasure"`, `"kind":"erased"`},
		{"order", `"files":120,"bytes":1073741824`, `"bytes":1073741824,"files":120`},
		{"invalid UTF-8", `ticket.subject`, "ticket\xff"},
		{"not JSON", whole, "erasure 7"},
		{"nothing", whole, ""},
	}
	for _, tt := range tests {
		b := strings.Replace(whole, tt.old, tt.new, 1)
		if b == whole {
			t.Fatalf("%s: the case changes nothing", tt.name)
		}
		if _, err := DecodeRecord([]byte(b)); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("%s: DecodeRecord = %v, want invalid", tt.name, err)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(mustEncode(f, full()))
	f.Add(mustEncode(f, Record{At: time.Unix(0, 0), Kind: Restore}))
	f.Add(mustEncode(f, Record{At: time.Unix(1e9, 0), Kind: Anchor, AuditHead: make([]byte, 32)}))
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRecord(b)
		if err != nil {
			return
		}
		if again := mustEncode(t, r); !bytes.Equal(again, b) {
			t.Fatalf("decoded\n%q\nand encoded again\n%q", b, again)
		}
		if _, _, err := parseLeaf(b, int64(r.No)); err != nil {
			t.Fatalf("the desk accepts a leaf the verifier refuses: %v", err)
		}
	})
}
