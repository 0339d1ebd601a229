package receipt

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"sotto"
)

// newKey makes a signing key for a log and the verifier key that belongs to it.
func newKey(origin string) (private, public string, err error) {
	return note.GenerateKey(rand.Reader, origin)
}

// readKey reads a signing key that only its owner may read.
func readKey(path string) (s note.Signer, public string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", sotto.FailCause(sotto.NotFound, "The signing key of the receipt log is missing. Bring the key file back; nobody can make it again.", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, "", sotto.Fail(sotto.Conflict, "Others can read the signing key of the receipt log. Set the key file to mode 0600.")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, "", sotto.FailCause(sotto.Conflict, "The signing key of the receipt log cannot be read.", err)
	}
	private, ended := strings.CutSuffix(string(data), "\n")
	s, err = note.NewSigner(private)
	if err != nil || !ended {
		return nil, "", sotto.FailCause(sotto.Conflict, "The signing key of the receipt log is damaged. Bring the key file back; nobody can make it again.", err)
	}
	public, err = publicOf(private)
	return s, public, err
}

// publicOf derives the verifier key from a well-formed signing key, which is
// PRIVATE+KEY+name+hash+base64(algorithm byte and seed).
func publicOf(private string) (string, error) {
	parts := strings.SplitN(private, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil {
		return "", err
	}
	public, ok := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("receipt: not an Ed25519 key")
	}
	return note.NewEd25519VerifierKey(parts[2], public)
}

// writeKey stores a new signing key durably, for its owner only.
func (d disk) writeKey(path, private string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return d.replace(path, []byte(private+"\n"))
}
