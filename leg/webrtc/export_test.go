package webrtc

// Decode and Clean are what reads the bytes of a page, for the fuzz tests.
var (
	Decode = decode
	Clean  = clean
)
