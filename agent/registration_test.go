package agent

import (
	"net/netip"
	"strings"
	"testing"

	"sotto/leg/sip"
)

// FuzzContact writes what a telephone may call itself and reads it back.
func FuzzContact(f *testing.F) {
	f.Add("sip:a1@192.0.2.7:5062", "192.0.2.7:5062", false, "x@y", uint32(7))
	f.Add("sip:a1@[2001:db8::7]:5060;ob", "[2001:db8::7]:5060", true, "", uint32(0))
	f.Add("sip:a b", "192.0.2.7:1", false, "a b\r\n", uint32(1<<31))
	f.Add("", "192.0.2.7:1", false, "-", uint32(1))
	f.Fuzz(func(t *testing.T, uri, from string, tcp bool, id string, seq uint32) {
		at, err := netip.ParseAddrPort(from)
		if err != nil || at.Addr().Zone() != "" && strings.Contains(from, " ") {
			return
		}
		want := sip.Contact{URI: uri, From: at, TCP: tcp, CallID: id, Seq: seq}
		got, err := read(write(want))
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if id == "" || strings.ContainsAny(id, " \t\r\n") {
			want.CallID = "-"
		}
		if got != want {
			t.Errorf("read = %+v, want %+v", got, want)
		}
	})
}
