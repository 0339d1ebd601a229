package sip

import "strings"

// Numbers is how a carrier writes telephone numbers. Inside the desk a number
// is E.164 with its plus; what is none (an emergency number, a line's name) is
// passed on as it is, both ways.
type Numbers string

// The forms of numbers.
const (
	NumbersAsIs     Numbers = ""         // as they come, and as they are dialled
	NumbersPlus     Numbers = "plus"     // +33142000001 (RFC 3966 5.1.4)
	NumbersPlain    Numbers = "plain"    // 33142000001
	NumbersZeros    Numbers = "zeros"    // 0033142000001
	NumbersNational Numbers = "national" // 0142000001 in the trunk's country, 00 and the whole number elsewhere
)

func (n Numbers) known() bool {
	switch n {
	case NumbersAsIs, NumbersPlus, NumbersPlain, NumbersZeros, NumbersNational:
		return true
	}
	return false
}

// write turns a number into the carrier's form. country is the trunk's
// calling code, as 33.
func (n Numbers) write(number, country string) string {
	digits, plus := strings.CutPrefix(number, "+")
	if !plus || !isDigits(digits) {
		return number
	}
	switch n {
	case NumbersPlain:
		return digits
	case NumbersZeros:
		return "00" + digits
	case NumbersNational:
		if rest, ok := strings.CutPrefix(digits, country); ok && country != "" {
			return "0" + rest
		}
		return "00" + digits
	}
	return number
}

// read turns a number in the carrier's form into E.164. A short number is one
// of the country's own, and stays.
func (n Numbers) read(number, country string) string {
	if n == NumbersAsIs || !isDigits(number) {
		return number
	}
	if rest, ok := strings.CutPrefix(number, "00"); ok && len(rest) >= 7 {
		return "+" + rest
	}
	switch {
	case n == NumbersPlain && number[0] != '0' && len(number) >= 8 && len(number) <= 15:
		return "+" + number
	case n == NumbersNational && number[0] == '0' && country != "" && len(number) >= 7:
		return "+" + country + number[1:]
	}
	return number
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
