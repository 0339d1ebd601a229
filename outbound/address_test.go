package outbound_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"sotto"
	"sotto/catalogue"
	"sotto/obs/obstest"
	"sotto/outbound"
)

// zone is what the fake name server knows. Its public addresses are never
// dialled: the network is fake too.
var zone = map[string][]string{
	"hooks.example":            {"93.184.216.34"},
	"six.example":              {"2606:2800:220:1::1"},
	"both.example":             {"93.184.216.34", "2606:2800:220:1::1"},
	"mapped.example":           {"::ffff:93.184.216.34"},
	"nat64.example":            {"64:ff9b::5db8:d822"},
	"xn--bcher-kva.example":    {"93.184.216.34"},
	"localhost":                {"127.0.0.1", "::1"},
	"a.localhost":              {"127.0.0.1"},
	"loop.example":             {"127.0.0.1"},
	"loop6.example":            {"::1"},
	"loopmapped.example":       {"::ffff:127.0.0.1"},
	"loop64.example":           {"64:ff9b::7f00:1"},
	"private.example":          {"10.1.2.3"},
	"mixed.example":            {"93.184.216.34", "192.168.1.1"},
	"mixed6.example":           {"93.184.216.34", "fd12::1"},
	"metadata.google.internal": {"169.254.169.254"},
	"meta6.example":            {"fd00:ec2::254"},
	"unspecified.example":      {"0.0.0.0"},
	"link.example":             {"fe80::1"},
	"silent.example":           {},
	"127.0.0.1.nip.example":    {"127.0.0.1"},
}

func fakeLookup(host string) ([]netip.Addr, error) {
	texts, ok := zone[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var addrs []netip.Addr
	for _, a := range texts {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs, nil
}

// errNoNetwork is what the fake network answers everyone.
var errNoNetwork = errors.New("this test has no network")

func newClient(t *testing.T, cfg outbound.Config) *outbound.Client {
	t.Helper()
	cfg.Log = obstest.New(t).Log()
	c, err := outbound.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRefusedAddresses has the 60 forms of a web address that lead, or could
// be read to lead, into the own machine or network.
func TestRefusedAddresses(t *testing.T) {
	tests := []string{
		// Loopback, in every spelling some parser knows.
		"https://127.0.0.1/", "https://127.0.0.1:8443/x", "https://127.1/", "https://127.0.1/", "https://0x7f.1/", "https://0x7f.0.0.1/",
		"https://0x7f000001/", "https://2130706433/", "https://017700000001/", "https://0177.0.0.1/", "https://127.0.0.01/",
		"https://127.0.0.1./", "https://127.255.255.254/", "https://0/", "https://0.0.0.0/", "https://00000.0/",
		"https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
		"https://[0:0:0:0:0:ffff:127.0.0.1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::127.0.0.1]/", "https://[2002:7f00:1::]/",
		"https://[2001:0:7f00:1::]/", "https://[::1%25lo]/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/",
		// Names that lead there.
		"https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/", "https://loop.example/", "https://loop6.example/",
		"https://loopmapped.example/", "https://loop64.example/", "https://127.0.0.1.nip.example/", "https://unspecified.example/",
		// The own network, and what is next to it.
		"https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.0.1/", "https://100.64.0.1/",
		"https://100.127.255.255/", "https://[fd12:3456::1]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fec0::1]/",
		"https://private.example/", "https://mixed.example/", "https://mixed6.example/", "https://link.example/",
		// Metadata services of clouds.
		"https://169.254.169.254/latest/meta-data/", "http://169.254.169.254/", "https://0xa9fea9fe/", "https://[::ffff:169.254.169.254]/",
		"https://metadata.google.internal/", "https://[fd00:ec2::254]/", "https://meta6.example/", "https://100.100.100.200/", "https://168.63.129.16/",
		// Addresses that belong to nobody.
		"https://192.0.2.1/", "https://198.51.100.1/", "https://203.0.113.1/", "https://[2001:db8::1]/", "https://224.0.0.1/", "https://255.255.255.255/",
		"https://240.0.0.1/", "https://198.18.0.1/", "https://[ff02::1]/",
		// Two hosts in one address: @, # and their kin.
		"https://hooks.example@127.0.0.1/", "https://127.0.0.1@hooks.example/", "https://hooks.example:443@127.0.0.1/", "https://user:pass@hooks.example/",
		"https://hooks.example#@127.0.0.1/", "https://127.0.0.1#@hooks.example/", "https://hooks.example/#x", `https://hooks.example\@127.0.0.1/`,
		`https://127.0.0.1\@hooks.example/`, "https://hooks.example%40127.0.0.1/", "https://%31%32%37.0.0.1/", "https://hooks.example%2f@127.0.0.1/",
		"https://hooks.example:80:443/", "https://127.0.0.1:/", "https://hooks.example%00.example/", "https://hooks.example%0d%0aX: y/",
		"https://hooks.example:0/", "https://hooks.example:99999/", "https://hooks.example:0443/", "https://hooks.example:https/",
		// Not https to a host with a whole name.
		"http://hooks.example/", "ftp://hooks.example/", "file:///etc/passwd", "gopher://127.0.0.1:70/_x", "//hooks.example/", "hooks.example",
		"https:hooks.example", "https:///path", "https://", "", "https://bücher.example/", "https://-a.example/", "https://a..example/",
		"https://" + strings.Repeat("a", 64) + ".example/", "https://" + strings.Repeat("a.", 130) + "example/", "jar:https://hooks.example!/",
	}
	if len(tests) < 60 {
		t.Fatalf("only %d forms", len(tests))
	}
	c := newClient(t, outbound.Config{})
	c.Fake(fakeLookup, func(to netip.AddrPort) (net.Conn, error) {
		t.Errorf("%v was dialled", to)
		return nil, errNoNetwork
	})
	for _, address := range tests {
		t.Run(address, func(t *testing.T) {
			u, err := url.Parse(address)
			if err != nil {
				if c.Check(address) == nil {
					t.Error("Check accepts what is no URL")
				}
				return
			}
			_, err = c.Do(context.Background(), catalogue.RecipientNotice, &http.Request{Method: "POST", URL: u})
			if sotto.KindOf(err) != sotto.Invalid {
				t.Errorf("Do = %v, want invalid", err)
			}
			for _, secret := range []string{"127.0.0.1", "hooks", "169.254", "pass", "meta", "private."} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error quotes the address: %v", err)
				}
			}
		})
	}
}

func TestARequestBuiltByHandIsRefusedToo(t *testing.T) {
	c := newClient(t, outbound.Config{})
	c.Fake(fakeLookup, func(to netip.AddrPort) (net.Conn, error) {
		t.Errorf("%v was dialled", to)
		return nil, errNoNetwork
	})
	for _, host := range []string{
		"127.0.0.1:443@hooks.example", "hooks.example:443@127.0.0.1", "hooks.example/127.0.0.1", "hooks.example#", "hooks.example?",
		"hooks.example\x00", "hooks.example\r\nX: y", "[::1", "::1", "[hooks.example]", "hooks.example:", " hooks.example", "*",
	} {
		req := &http.Request{Method: "POST", URL: &url.URL{Scheme: "https", Host: host, Path: "/"}}
		if _, err := c.Do(context.Background(), catalogue.RecipientNotice, req); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("host %q: %v, want invalid", host, err)
		}
	}
	for name, req := range map[string]*http.Request{
		"OtherHost": {Method: "POST", Host: "internal", URL: &url.URL{Scheme: "https", Host: "hooks.example"}},
		"NoURL":     {},
		"Nil":       nil,
	} {
		if _, err := c.Do(context.Background(), catalogue.RecipientNotice, req); err == nil {
			t.Errorf("%s went through", name)
		}
	}
}

func TestAcceptedAddressesAreDialledAsChecked(t *testing.T) {
	tests := []struct{ address, want string }{
		{"https://hooks.example", "93.184.216.34:443"},
		{"https://HOOKS.example/notice?id=7", "93.184.216.34:443"},
		{"https://hooks.example:8443/a@b", "93.184.216.34:8443"},
		{"https://hooks.example/%23anchor", "93.184.216.34:443"},
		{"https://xn--bcher-kva.example/", "93.184.216.34:443"},
		{"https://six.example/", "[2606:2800:220:1::1]:443"},
		{"https://both.example/", "93.184.216.34:443 [2606:2800:220:1::1]:443"},
		{"https://mapped.example/", "93.184.216.34:443"},
		{"https://nat64.example/", "[64:ff9b::5db8:d822]:443"},
		{"https://93.184.216.34/", "93.184.216.34:443"},
		{"https://[2606:2800:220:1::1]:8443/", "[2606:2800:220:1::1]:8443"},
		{"https://[2606:2800:220:1:0:0:0:1]/", "[2606:2800:220:1::1]:443"},
	}
	for _, tt := range tests {
		t.Run(tt.address, func(t *testing.T) {
			var dialled []string
			c := newClient(t, outbound.Config{})
			c.Fake(fakeLookup, func(to netip.AddrPort) (net.Conn, error) {
				dialled = append(dialled, to.String())
				return nil, errNoNetwork
			})
			if err := c.Check(tt.address); err != nil {
				t.Errorf("Check = %v", err)
			}
			req, err := http.NewRequest("POST", tt.address, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Do(context.Background(), catalogue.RecipientNotice, req); sotto.KindOf(err) != sotto.Peer {
				t.Errorf("Do = %v, want peer", err)
			}
			if got := strings.Join(dialled, " "); got != tt.want {
				t.Errorf("dialled %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRebindingFindsOneLookUpOnly has a name server that answers with a public
// address first and with the own machine ever after.
func TestRebindingFindsOneLookUpOnly(t *testing.T) {
	c := newClient(t, outbound.Config{})
	lookups := 0
	var dialled []netip.AddrPort
	c.Fake(func(string) ([]netip.Addr, error) {
		if lookups++; lookups == 1 {
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}, func(to netip.AddrPort) (net.Conn, error) {
		dialled = append(dialled, to)
		return nil, errNoNetwork
	})
	do := func() error {
		req, err := http.NewRequest("GET", "https://rebind.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Do(context.Background(), catalogue.RecipientNotice, req)
		return err
	}
	if err := do(); sotto.KindOf(err) != sotto.Peer || lookups != 1 || len(dialled) != 1 || dialled[0].Addr().IsLoopback() {
		t.Errorf("first: %v, %d look-ups, dialled %v", err, lookups, dialled)
	}
	if err := do(); sotto.KindOf(err) != sotto.Invalid || lookups != 2 || len(dialled) != 1 {
		t.Errorf("second: %v, %d look-ups, dialled %v", err, lookups, dialled)
	}
}

func TestNamedHostsMayBeInside(t *testing.T) {
	tests := []struct {
		name, named, address string
		want                 sotto.Kind
	}{
		{"PrivateName", "private.example", "http://private.example/", sotto.Peer},
		{"UpperCase", "Private.Example", "http://PRIVATE.example/", sotto.Peer},
		{"Loopback", "127.0.0.1", "http://127.0.0.1:9/", sotto.Peer},
		{"Loopback6", "0:0::1", "http://[::1]:9/", sotto.Peer},
		{"Localhost", "localhost", "http://localhost/", sotto.Peer},
		{"OnlyThatName", "private.example", "https://loop.example/", sotto.Invalid},
		{"OnlyThatAddress", "127.0.0.1", "https://127.0.0.2/", sotto.Invalid},
		{"NameIsNotItsAddress", "private.example", "https://10.1.2.3/", sotto.Invalid},
		{"NoSuffix", "example", "https://private.example/", sotto.Invalid},
		{"OtherSpelling", "127.0.0.1", "http://127.1/", sotto.Invalid},
		{"Metadata", "169.254.169.254", "http://169.254.169.254/", sotto.Invalid},
		{"MetadataName", "metadata.google.internal", "http://metadata.google.internal/", sotto.Invalid},
		{"Metadata6", "meta6.example", "https://meta6.example/", sotto.Invalid},
		{"LinkLocal", "link.example", "https://link.example/", sotto.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, outbound.Config{AllowHosts: []string{tt.named}})
			c.Fake(fakeLookup, func(netip.AddrPort) (net.Conn, error) { return nil, errNoNetwork })
			req, err := http.NewRequest("POST", tt.address, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Do(context.Background(), catalogue.RecipientNotice, req); sotto.KindOf(err) != tt.want {
				t.Errorf("Do = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestNewRefusesWhatIsNoHost(t *testing.T) {
	for _, entry := range []string{"", "https://a.example", "a.example:443", "10.0.0.0/8", "*.example", "127.1", "[::1]", "::ffff:10.0.0.1", "fe80::1%eth0", "a b"} {
		if _, err := outbound.New(outbound.Config{AllowHosts: []string{entry}}); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("New with %q = %v, want invalid", entry, err)
		}
	}
}

func TestEveryPartOfTheAddressSpace(t *testing.T) {
	tests := []struct {
		first, last string
		want        bool
	}{
		{"1.0.0.0", "9.255.255.255", true}, {"10.0.0.0", "10.255.255.255", false}, {"11.0.0.0", "100.63.255.255", true},
		{"100.64.0.0", "100.127.255.255", false}, {"100.128.0.0", "126.255.255.255", true}, {"127.0.0.0", "127.255.255.255", false},
		{"128.0.0.0", "169.253.255.255", true}, {"169.254.0.0", "169.254.255.255", false}, {"169.255.0.0", "172.15.255.255", true},
		{"172.16.0.0", "172.31.255.255", false}, {"172.32.0.0", "191.255.255.255", true}, {"192.0.0.0", "192.0.0.255", false},
		{"192.0.1.0", "192.0.1.255", true}, {"192.0.2.0", "192.0.2.255", false}, {"192.168.0.0", "192.168.255.255", false},
		{"198.18.0.0", "198.19.255.255", false}, {"224.0.0.0", "255.255.255.255", false}, {"0.0.0.0", "0.255.255.255", false},
		{"::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false}, {"2000::", "2000:ffff::", true}, {"2001::", "2001:1ff::", false},
		{"2001:db8::", "2001:db8:ffff::", false}, {"2002::", "2002:ffff::", false}, {"2003::", "3ffe::", true}, {"3fff::", "3fff:fff::", false},
		{"4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false}, {"64:ff9b::8.8.8.8", "64:ff9b::8.8.8.8", true},
		{"64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", false}, {"::ffff:8.8.8.8", "::ffff:8.8.8.8", false},
	}
	for _, tt := range tests {
		for _, text := range []string{tt.first, tt.last} {
			if got := outbound.IsPublic(netip.MustParseAddr(text)); got != tt.want {
				t.Errorf("%s: public %v, want %v", text, got, tt.want)
			}
		}
	}
}

func FuzzCheckAgreesWithTheOneParser(f *testing.F) {
	for _, seed := range []string{"https://hooks.example/", "https://127.1", "https://[::ffff:127.0.0.1]/", "https://a@b#c", "https://①②⑦.⓪.⓪.①/", `https://a\@b`} {
		f.Add(seed)
	}
	c, err := outbound.New(outbound.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if c.Check(address) != nil {
			return
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		// What is accepted has one host, in one spelling, and no rest that
		// another parser could take for the host.
		rest, ok := strings.CutPrefix(strings.ToLower(address), "https://")
		if !ok || !strings.HasPrefix(rest, strings.ToLower(u.Host)) {
			t.Fatalf("host %q is not the beginning of %q", u.Host, rest)
		}
		if after := rest[len(u.Host):]; after != "" && after[0] != '/' && after[0] != '?' {
			t.Errorf("%q follows the host", after)
		}
		for _, r := range u.Host {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]", r) {
				t.Errorf("host %q", u.Host)
			}
		}
	})
}
