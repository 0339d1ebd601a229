package account

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/keyring"
	"sotto/person"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a desk with one member of staff and a clock that is set by hand.
type bench struct {
	t      *testing.T
	db     *db.DB
	people *person.People
	acc    *Accounts
	ms     *atomic.Int64
	alice  sotto.PersonID
}

const email = "alice@desk.example"

func each(t *testing.T, f func(t *testing.T, b *bench)) {
	ms := &atomic.Int64{}
	clock := func() time.Time { return time.UnixMilli(ms.Load()) }
	dbtest.EachConfig(t, clock, func(t *testing.T, cfg db.Config) {
		ms.Store(time.Date(2027, 3, 1, 9, 30, 0, 0, time.UTC).UnixMilli())
		dir := filepath.Join(t.TempDir(), "keys")
		if err := keyring.Create(dir); err != nil {
			t.Fatal(err)
		}
		ring, err := keyring.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := ring.Close(); err != nil {
				t.Error(err)
			}
		})
		d := dbtest.Open(t, cfg)
		log := audit.New(d)
		b := &bench{t: t, db: d, people: person.New(d, ring, log, "FR"), ms: ms}
		b.acc = New(d, b.people, log, clock)
		b.alice = b.person(person.Draft{Role: sotto.Agent, Name: "Alice Example", Emails: []string{email}})
		f(t, b)
	})
}

func (b *bench) person(d person.Draft) sotto.PersonID {
	b.t.Helper()
	id, err := b.people.Create(context.Background(), sotto.Operator(), d)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) token(owner sotto.PersonID) (string, int64) {
	b.t.Helper()
	secret, id, err := b.acc.CreateToken(context.Background(), sotto.Operator(), owner)
	if err != nil {
		b.t.Fatal(err)
	}
	return secret, id
}

func (b *bench) try(header string) (sotto.Actor, error) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", header)
	return b.acc.Authenticate(context.Background(), r)
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func TestAuthenticate(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		secret, _ := b.token(b.alice)
		b.person(person.Draft{Role: sotto.Admin, Name: "Bob Example", Emails: []string{"bob@desk.example"}})
		tests := []struct {
			name, header string
			ok           bool
		}{
			{"Basic", basic(email+"/token", secret), true},
			{"BasicOtherCase", basic("Alice@Desk.Example/token", secret), true},
			{"Bearer", "Bearer " + secret, true},
			{"SchemeInLowerCase", "bearer " + secret, true},
			{"Nothing", "", false},
			{"NoScheme", secret, false},
			{"OtherScheme", "Digest " + secret, false},
			{"SomebodyElsesAddress", basic("bob@desk.example/token", secret), false},
			{"UnknownAddress", basic("nobody@desk.example/token", secret), false},
			{"NoAddress", basic("/token", secret), false},
			{"PasswordInsteadOfToken", basic(email, secret), false},
			{"NotBase64", "Basic %%%", false},
			{"NoColon", "Basic " + base64.StdEncoding.EncodeToString([]byte(email+"/token")), false},
			{"CutToken", "Bearer " + secret[:len(secret)-1], false},
			{"LongerToken", "Bearer " + secret + "A", false},
			{"AnotherToken", "Bearer " + base64.RawURLEncoding.EncodeToString(make([]byte, secretBytes)), false},
			{"Endless", "Bearer " + strings.Repeat("A", 5000), false},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				got, err := b.try(tt.header)
				if tt.ok {
					if want := (sotto.Actor{Person: b.alice, Role: sotto.Agent}); err != nil || got != want {
						t.Errorf("Authenticate = %+v, %v, want %+v", got, err, want)
					}
					return
				}
				if got != (sotto.Actor{}) || sotto.KindOf(err) != sotto.Denied || err.Error() != refused().Error() {
					t.Errorf("Authenticate = %+v, %v, want the uniform refusal", got, err)
				}
			})
		}
	})
}

func TestOwnerWhoMayNoLongerIsRefusedAtOnce(t *testing.T) {
	ctx := context.Background()
	yes, endUser := true, sotto.EndUser
	tests := []struct {
		name string
		do   func(b *bench, token int64) error
	}{
		{"Revoked", func(b *bench, token int64) error { return b.acc.RevokeToken(ctx, sotto.Operator(), token) }},
		{"Suspended", func(b *bench, _ int64) error {
			return b.people.Update(ctx, sotto.Operator(), b.alice, person.Change{Suspended: &yes})
		}},
		{"NoLongerStaff", func(b *bench, _ int64) error {
			return b.people.Update(ctx, sotto.Operator(), b.alice, person.Change{Role: &endUser})
		}},
		{"Deleted", func(b *bench, _ int64) error { return b.people.SoftDelete(ctx, sotto.Operator(), b.alice) }},
		{"Frozen", func(b *bench, _ int64) error {
			return b.db.Write(ctx, func(tx *db.Tx) error { _, err := b.people.Freeze(tx, b.alice); return err })
		}},
		{"Erased", func(b *bench, _ int64) error {
			return b.db.Write(ctx, func(tx *db.Tx) error {
				if _, err := b.people.Freeze(tx, b.alice); err != nil {
					return err
				}
				return b.people.MarkErased(tx, b.alice)
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				secret, token := b.token(b.alice)
				if _, err := b.try("Bearer " + secret); err != nil {
					t.Fatal(err)
				}
				if err := tt.do(b, token); err != nil {
					t.Fatal(err)
				}
				if got, err := b.try("Bearer " + secret); got != (sotto.Actor{}) || err == nil || err.Error() != refused().Error() {
					t.Errorf("Authenticate = %+v, %v, want the uniform refusal", got, err)
				}
			})
		})
	}
}

func TestFailuresAreLimitedByAddress(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		secret, _ := b.token(b.alice)
		for range burst {
			if _, err := b.try("Bearer nonsense"); sotto.KindOf(err) != sotto.Denied {
				t.Fatalf("Authenticate: %v, want Denied", err)
			}
		}
		if _, err := b.try("Bearer " + secret); sotto.KindOf(err) != sotto.Busy {
			t.Errorf("after %d failures: %v, want Busy", burst, err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "192.0.2.77:1234"
		r.Header.Set("Authorization", "Bearer "+secret)
		if _, err := b.acc.Authenticate(context.Background(), r); err != nil {
			t.Errorf("another address: %v", err)
		}
		b.ms.Add(RetryAfter.Milliseconds())
		if _, err := b.try("Bearer " + secret); err != nil {
			t.Errorf("after %v: %v", RetryAfter, err)
		}
	})
}

func TestFailuresAreBounded(t *testing.T) {
	f := newFailures()
	f.max = 3
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	source := func(n byte) netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 32) }
	for n := range byte(burst + 3) {
		f.count(source(n), now)
	}
	if len(f.by) != 3 {
		t.Errorf("%d addresses kept, want 3", len(f.by))
	}
	if f.tooMany(source(0), now) || !f.tooMany(source(200), now) {
		t.Error("the addresses that are not remembered must share one count")
	}
	f.count(source(201), now.Add(time.Hour))
	if len(f.by) != 1 {
		t.Errorf("%d addresses kept an hour later, want the new one alone", len(f.by))
	}
}

func TestSourceOfCountsACustomerOnce(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"IPv4", "192.0.2.1:80", "192.0.2.1/32"},
		{"IPv6", "[2001:db8:1:2:3::4]:80", "2001:db8:1:2::/64"},
		{"MappedIPv4", "[::ffff:192.0.2.1]:80", "192.0.2.1/32"},
		{"Zone", "[fe80::1%eth0]:80", "fe80::/64"},
		{"NoPort", "192.0.2.1", "192.0.2.1/32"},
		{"Nonsense", "somewhere", "invalid Prefix"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sourceOf(tt.in).String(); got != tt.want {
				t.Errorf("sourceOf(%q) = %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

func TestTokensKeepTheHourOfUse(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		secret, id := b.token(b.alice)
		made := time.UnixMilli(b.ms.Load()).UTC()
		b.ms.Add((2 * time.Hour).Milliseconds())
		for range 3 {
			if _, err := b.try("Bearer " + secret); err != nil {
				t.Fatal(err)
			}
		}
		got, err := b.acc.Tokens(context.Background(), sotto.Operator())
		if err != nil {
			t.Fatal(err)
		}
		want := []Token{{ID: id, Person: b.alice, CreatedAt: made, UsedAt: time.Date(2027, 3, 1, 11, 0, 0, 0, time.UTC)}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOnlyAdministratorsManageTokens(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx := context.Background()
		secret, id := b.token(b.alice)
		alice := sotto.Actor{Person: b.alice, Role: sotto.Agent}
		other := sotto.Actor{Person: 12345, Role: sotto.Agent}
		caller := b.person(person.Draft{Name: "Carol Example"})
		if _, _, err := b.acc.CreateToken(ctx, alice, b.alice); sotto.KindOf(err) != sotto.Denied {
			t.Errorf("CreateToken by an agent: %v, want Denied", err)
		}
		if _, _, err := b.acc.CreateToken(ctx, sotto.Operator(), caller); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("CreateToken for a caller: %v, want Invalid", err)
		}
		if _, err := b.acc.Tokens(ctx, alice); sotto.KindOf(err) != sotto.Denied {
			t.Errorf("Tokens by an agent: %v, want Denied", err)
		}
		unknown, foreign := b.acc.RevokeToken(ctx, other, id+1), b.acc.RevokeToken(ctx, other, id)
		if sotto.KindOf(foreign) != sotto.NotFound || sotto.SayOf(foreign) != sotto.SayOf(unknown) {
			t.Errorf("RevokeToken: foreign %v, unknown %v, want one answer", foreign, unknown)
		}
		for range 2 {
			if err := b.acc.RevokeToken(ctx, alice, id); err != nil {
				t.Errorf("RevokeToken of one's own: %v", err)
			}
		}
		if _, err := b.try("Bearer " + secret); err == nil {
			t.Error("the revoked token still works")
		}
	})
}

func TestTheSecretIsNotInTheDatabase(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		secret, id := b.token(b.alice)
		err := b.db.Read(context.Background(), func(tx *db.Tx) error {
			hash, err := db.One(tx, func(s db.Scanner) (h []byte, err error) { return h, s.Scan(&h) }, "SELECT hash FROM api_token WHERE id = $1", id)
			raw, _ := base64.RawURLEncoding.DecodeString(secret)
			if len(hash) != 32 || string(hash) == string(raw) {
				t.Errorf("the column holds %d bytes that are not a hash", len(hash))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("Bearer " + base64.RawURLEncoding.EncodeToString(make([]byte, secretBytes)))
	f.Add(basic(email+"/token", "x"))
	f.Add("Basic ")
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		if c, ok := parse(header); ok && c.hash == [32]byte{} {
			t.Error("credentials without a hash")
		}
	})
}
