// Command tell runs go test and prints what it prints, and each test that was
// skipped with its reason, which go test keeps to itself.
//
//	go run ./sottotest/tell -race ./...
//
// It ends with go test's own lines and its exit code.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(stderr, "tell:", err)
		return 1
	}
	err = errors.Join(tell(out, stdout), cmd.Wait())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(stderr, "tell:", err)
		return 1
	}
	return 0
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// tell prints the output of tests that failed, were skipped or never ended,
// and everything that is said about packages.
func tell(in io.Reader, out io.Writer) error {
	held := map[[2]string]string{}
	w := bufio.NewWriter(out)
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if werr := one(w, held, line); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return w.Flush()
		}
		if err != nil {
			return err
		}
	}
}

func one(w *bufio.Writer, held map[[2]string]string, line []byte) error {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		_, err = w.Write(line) // not an event: what go itself says
		return err
	}
	key := [2]string{e.Package, e.Test}
	var err error
	switch {
	case e.Test == "" && e.Action == "fail":
		for k, text := range held { // the package died before these ended
			if k[0] == e.Package {
				_, err = w.WriteString(text)
				delete(held, k)
			}
		}
	case e.Output != "" && e.Test != "":
		held[key] += e.Output
	case e.Output != "" && e.Output != "PASS\n":
		_, err = w.WriteString(e.Output)
	case e.Action == "fail" || e.Action == "skip":
		_, err = w.WriteString(held[key])
		delete(held, key)
	case e.Action == "pass":
		delete(held, key)
	}
	return errors.Join(err, w.Flush())
}
