package media

import "log/slog"

// Digit is one key press: '0' to '9', '*', '#', 'A' to 'D' (RFC 4733 3.2). It
// is never logged and never recorded.
type Digit byte

// ParseDigit returns the key that c names, in either case, and whether it
// names one.
func ParseDigit(c byte) (Digit, bool) {
	switch {
	case c >= '0' && c <= '9', c == '*', c == '#', c >= 'A' && c <= 'D':
		return Digit(c), true
	case c >= 'a' && c <= 'd':
		return Digit(c - 'a' + 'A'), true
	}
	return 0, false
}

// LogValue hides the key from every log.
func (d Digit) LogValue() slog.Value { return slog.StringValue("key") }
