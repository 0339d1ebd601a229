package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"sotto"
)

var (
	errElsewhere = errors.New("redirected elsewhere")
	errNoAddress = errors.New("no address")
)

// peerError turns an error of the network into one that a log may hold: the
// errors of net/http quote the URL, and those of net the name and the address.
// ctx is the caller's.
func peerError(ctx context.Context, err error) error {
	if ended := ctx.Err(); errors.Is(ended, context.Canceled) {
		return sotto.FailCause(sotto.Peer, "Sending was given up.", ended)
	}
	say, word := "The recipient's answer was not understood.", "broken answer"
	switch dns, isDNS := errors.AsType[*net.DNSError](err); {
	case errors.Is(err, errElsewhere):
		say, word = "The recipient redirects elsewhere. Name its final address.", "redirect"
	case isTimeout(err):
		say, word = "The recipient did not answer in time.", "timeout"
	case errors.Is(err, errNoAddress) || (isDNS && dns.IsNotFound):
		say, word = "The recipient's name is not known. Check its spelling.", "no such host"
	case isDNS:
		say, word = "The recipient's name could not be looked up.", "look-up failed"
	case isTLS(err):
		say, word = "The recipient's certificate is not valid for its name.", "tls"
	case errors.Is(err, syscall.ECONNREFUSED):
		say, word = "Nothing answers at the recipient's address.", "refused"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		say, word = "The recipient hung up before it had answered.", "hung up"
	case errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH):
		say, word = "There is no way to the recipient's address.", "unreachable"
	}
	return sotto.FailCause(sotto.Peer, say, errors.New(word))
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || (ok && n.Timeout())
}

func isTLS(err error) bool {
	_, cert := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	return cert || record || alert || unknown
}
