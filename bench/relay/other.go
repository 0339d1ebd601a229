//go:build !linux

// Command relay measures what a bridged call costs. It needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "relay: the benchmark needs Linux")
	os.Exit(1)
}
