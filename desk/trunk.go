package desk

import (
	"time"

	"sotto"
	"sotto/leg/sip"
)

// Trunk is one carrier.
type Trunk struct {
	Name         string   `yaml:"name"`
	Addresses    []string `yaml:"addresses"`     // whose calls are this carrier's: IP addresses and networks
	Address      string   `yaml:"address"`       // where calls through it are sent, host:port; "" takes calls only
	Domain       string   `yaml:"domain"`        // the host in numbers, "" is the host of Address
	TCP          bool     `yaml:"tcp"`           // send over TCP
	LargeTCP     bool     `yaml:"large_tcp"`     // send over TCP what is too large for a datagram
	Username     string   `yaml:"username"`      // for the carrier's challenges, shown to Address and Realm alone
	PasswordFile string   `yaml:"password_file"` // holds the password in its first line
	Realm        string   `yaml:"realm"`
	Register     bool     `yaml:"register"`  // tell the carrier where we are, and again before it runs out
	Expires      int      `yaml:"expires"`   // seconds a registration is asked for; 0 is 3600
	KeepAlive    int      `yaml:"keepalive"` // seconds between two questions whether it is there; 0 is 30, -1 never

	Identity       string `yaml:"identity"`        // "", asserted or account
	TrustIdentity  bool   `yaml:"trust_identity"`  // believe P-Asserted-Identity
	TrustDiversion bool   `yaml:"trust_diversion"` // believe Diversion and History-Info
	Numbers        string `yaml:"numbers"`         // "", plus, plain, zeros or national
	Country        string `yaml:"country"`         // calling code in digits, for numbers: national
	LateOffer      bool   `yaml:"late_offer"`      // let the carrier describe the audio first

	TLS         bool   `yaml:"tls"`          // send over TLS; the certificate must be for the host of Address
	ServerName  string `yaml:"server_name"`  // or for this one
	RootsFile   string `yaml:"roots_file"`   // issuers believed, PEM; "" is the system's
	Fingerprint string `yaml:"fingerprint"`  // SHA-256 of the one certificate believed, instead of name and issuer
	SecureMedia bool   `yaml:"secure_media"` // refuse calls whose audio is not encrypted
}

// keepAliveEvery is how often a carrier is asked whether it is there, in seconds.
const keepAliveEvery = 30

// checkTrunks finds what cannot work. Package leg/sip finds the rest when it opens.
func checkTrunks(l []Trunk) error {
	seen := map[string]bool{}
	for _, t := range l {
		switch {
		case t.Name == "" || len(t.Addresses) == 0:
			return sotto.FailField("trunks", "A trunk needs a name and at least one address.")
		case seen[t.Name]:
			return sotto.FailField("trunks", "Two trunks have the same name. Give each a name of its own.")
		}
		seen[t.Name] = true
	}
	return nil
}

func (c Config) sipTrunks() []sip.Trunk {
	var out []sip.Trunk
	for _, t := range c.Trunks {
		k := sip.Trunk{
			Name: t.Name, Sources: t.Addresses, Address: t.Address, Domain: t.Domain, TCP: t.TCP, LargeTCP: t.LargeTCP,
			Username: t.Username, PasswordFile: t.PasswordFile, Realm: t.Realm,
			Register: t.Register, Expires: time.Duration(t.Expires) * time.Second,
			Identity: sip.Identity(t.Identity), TrustIdentity: t.TrustIdentity, TrustDiversion: t.TrustDiversion,
			Numbers: sip.Numbers(t.Numbers), Country: t.Country, LateOffer: t.LateOffer,
			TLS: t.TLS, ServerName: t.ServerName, RootsFile: t.RootsFile, Fingerprint: t.Fingerprint, SecureMedia: t.SecureMedia,
		}
		if t.Address != "" && t.KeepAlive >= 0 {
			k.KeepAlive = time.Duration(t.KeepAlive) * time.Second
			if t.KeepAlive == 0 {
				k.KeepAlive = keepAliveEvery * time.Second
			}
		}
		out = append(out, k)
	}
	return out
}
