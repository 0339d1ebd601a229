package desk

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"sotto"
)

//go:embed sotto.yaml
var defaults []byte

// Config is everything an operator can set. The file sotto.yaml beside this
// one is its manual and its defaults.
type Config struct {
	Data           string      `yaml:"data"`
	HTTP           string      `yaml:"http"`
	TrustProxy     bool        `yaml:"trust_proxy"`
	SIP            string      `yaml:"sip"`
	SIPTLS         string      `yaml:"sip_tls"`         // "" listens over no TLS
	SIPWS          string      `yaml:"sip_ws"`          // "" listens for no WebSockets
	SIPWSS         string      `yaml:"sip_wss"`         // "" listens for no WebSockets over TLS
	SIPCertificate string      `yaml:"sip_certificate"` // PEM, for sip_tls and sip_wss
	SIPKey         string      `yaml:"sip_key"`         // PEM
	SIPOrigins     []string    `yaml:"sip_origins"`     // web pages that may open WebSockets; none is any
	PhonesSecure   bool        `yaml:"phones_secure_media"`
	MediaAddress   string      `yaml:"media_address"`
	MediaAdvertise string      `yaml:"media_advertise"`
	MediaPortMin   uint16      `yaml:"media_port_min"`
	MediaPortMax   uint16      `yaml:"media_port_max"`
	WebRTC         string      `yaml:"webrtc"`
	WebRTCTCP      string      `yaml:"webrtc_tcp"` // "" takes no audio over TCP
	Turn           string      `yaml:"turn"`       // "" is no relay
	TurnHost       string      `yaml:"turn_host"`
	TurnCert       string      `yaml:"turn_certificate"` // PEM
	TurnKey        string      `yaml:"turn_key"`         // PEM
	WebOrigins     []string    `yaml:"web_origins"`
	Region         string      `yaml:"region"`
	DatabaseFile   string      `yaml:"database_file"`
	Keys           string      `yaml:"keys"`
	Receipts       string      `yaml:"receipts"`
	Trunks         []Trunk     `yaml:"trunks"`
	Recipients     []Recipient `yaml:"recipients"`
	MediaTimeout   int         `yaml:"media_timeout"` // seconds
	PhonesMD5Only  bool        `yaml:"phones_md5_only"`
	LogFormat      string      `yaml:"log_format"`
	LogLevel       string      `yaml:"log_level"`

	// Clock is the time; nil is the system's. Tests and `sotto` itself set it,
	// a file cannot.
	Clock sotto.Clock `yaml:"-"`
	// LogTo is where log lines go; nil is standard error.
	LogTo io.Writer `yaml:"-"`
	// DatabaseURL is what DatabaseFile holds, for tests.
	DatabaseURL string `yaml:"-"`
}

// Recipient is somebody who has data of ours and must be told when it is
// erased or corrected.
type Recipient struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

// DefaultConfig returns the values of sotto.yaml.
func DefaultConfig() Config {
	c, err := overlay(Config{}, defaults)
	if err != nil {
		panic(err) // the embedded file is tested
	}
	return c
}

// LoadConfig reads a file over the defaults; "" reads none.
func LoadConfig(path string) (Config, error) {
	c := DefaultConfig()
	if path == "" {
		return c, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return c, sotto.FailCause(sotto.NotFound, "The configuration file cannot be read.", err)
	}
	return overlay(c, b)
}

func overlay(c Config, b []byte) (Config, error) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, sotto.FailCause(sotto.Invalid, "The configuration is wrong: "+err.Error()+".", err)
	}
	return c, nil
}

// Check finds what cannot work before anything is opened.
func (c Config) Check() error {
	for name, addr := range map[string]string{"http": c.HTTP, "sip": c.SIP} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return sotto.FailField(name, fmt.Sprintf("%s must be an address with a port, as 127.0.0.1:5060.", name))
		}
	}
	for name, addr := range map[string]string{"sip_tls": c.SIPTLS, "sip_ws": c.SIPWS, "sip_wss": c.SIPWSS} {
		if _, _, err := net.SplitHostPort(addr); addr != "" && err != nil {
			return sotto.FailField(name, fmt.Sprintf("%s must be an address with a port, as 0.0.0.0:5061, or empty.", name))
		}
	}
	if (c.SIPTLS != "" || c.SIPWSS != "") && (c.SIPCertificate == "" || c.SIPKey == "") {
		return sotto.FailField("sip_certificate", "To listen over TLS, name the files of a certificate and its key.")
	}
	if c.Data == "" {
		return sotto.FailField("data", "Say which folder to keep the data in.")
	}
	if err := checkTrunks(c.Trunks); err != nil {
		return err
	}
	for _, r := range c.Recipients {
		if r.Name == "" || !strings.HasPrefix(r.URL, "http") {
			return sotto.FailField("recipients", "A recipient needs a name and a URL.")
		}
	}
	if _, err := c.level(); err != nil {
		return err
	}
	if err := c.checkPages(); err != nil {
		return err
	}
	_, err := c.mediaAddr()
	return err
}

func (c Config) level() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return l, sotto.FailField("log_level", "The log level is debug, info, warn or error.")
	}
	return l, nil
}

// mediaAddr is where audio comes in: media_address, or the host of sip.
func (c Config) mediaAddr() (netip.Addr, error) {
	host := c.MediaAddress
	if host == "" {
		host, _, _ = net.SplitHostPort(c.SIP)
	}
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return a, sotto.FailField("media_address", "The address for audio must be an IP address.")
	}
	return a, nil
}

// pagesAddr is where browsers send audio: webrtc, or the host of telephones'
// audio with any port.
func (c Config) pagesAddr() (netip.AddrPort, error) {
	if c.WebRTC == "" {
		host, err := c.mediaAddr()
		return netip.AddrPortFrom(host, 0), err
	}
	a, err := netip.ParseAddrPort(c.WebRTC)
	if err != nil {
		return a, sotto.FailField("webrtc", "The address for browsers must be an IP address with a port, as 192.0.2.10:15900.")
	}
	return a, nil
}

// in returns path, or name inside the data folder when path is "".
func (c Config) in(path, name string) string {
	if path != "" {
		return path
	}
	return filepath.Join(c.Data, name)
}

// KeysDir is the folder of keys.
func (c Config) KeysDir() string { return c.in(c.Keys, "keys") }

// ReceiptsDir is the folder of the signed log.
func (c Config) ReceiptsDir() string { return c.in(c.Receipts, "receipts") }

// DatabasePath is the SQLite file.
func (c Config) DatabasePath() string { return filepath.Join(c.Data, "sotto.db") }

// BlobsDir is the folder of files.
func (c Config) BlobsDir() string { return filepath.Join(c.Data, "blobs") }

// postgres returns the address in DatabaseFile, "" for SQLite.
func (c Config) postgres() (string, error) {
	if c.DatabaseURL != "" || c.DatabaseFile == "" {
		return c.DatabaseURL, nil
	}
	b, err := os.ReadFile(c.DatabaseFile)
	if err != nil {
		return "", sotto.FailCause(sotto.NotFound, "The file with the database's address cannot be read.", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Print writes the values in force in the form of the file.
func (c Config) Print(w io.Writer) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	return errors.Join(e.Encode(c), e.Close())
}
