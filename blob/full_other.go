//go:build !unix

package blob

func isFull(error) bool { return false }
