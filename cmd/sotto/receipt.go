package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"sotto"
	"sotto/desk"
	"sotto/receipt"
)

type receiptCmd struct {
	List   receiptListCmd   `cmd:"" help:"List the records of the signed log."`
	Show   receiptShowCmd   `cmd:"" help:"Print one receipt: the file to hand over."`
	Verify receiptVerifyCmd `cmd:"" help:"Check a receipt, or a whole log, without the desk."`
}

type receiptListCmd struct {
	Since sotto.ReceiptNo `help:"Begin at this number."`
}

// DoDesk prints a line for each record.
func (c *receiptListCmd) DoDesk(_ context.Context, d *desk.Desk, s streams) error {
	t := s.table("no", "at", "kind", "about", "keys:%d keys", "steps:%d steps")
	size, _ := d.Receipts.Head()
	if int64(c.Since) >= size {
		return t.flush()
	}
	for rec, err := range d.Receipts.Since(c.Since) {
		if err != nil {
			return err
		}
		about := fmt.Sprintf("person %d", rec.Subject)
		if rec.Thing != "" {
			about = fmt.Sprintf("%s %d", rec.Thing, rec.ThingID)
		}
		t.row(rec.No, rec.At, rec.Kind, about, len(rec.Keys), len(rec.Steps))
	}
	return t.flush()
}

type receiptShowCmd struct {
	No sotto.ReceiptNo `arg:"" help:"The receipt's number."`
}

// DoDesk writes the receipt file to standard output.
func (c *receiptShowCmd) DoDesk(_ context.Context, d *desk.Desk, s streams) error {
	r, err := d.Receipts.Receipt(c.No)
	if err != nil {
		return err
	}
	_, err = r.WriteTo(s.out)
	return err
}

type receiptVerifyCmd struct {
	File     string `arg:"" optional:"" help:"The receipt; - is standard input."`
	Log      string `placeholder:"DIR" help:"Check this folder of receipts instead."`
	Key      string `help:"The desk's public key, from a source you trust."`
	Nonce    string `help:"The person's secret, to check whom the receipt is about."`
	Identity string `help:"The person's number or e-mail address, with --nonce."`
}

// Do verifies offline: neither a database nor a network is touched.
func (c *receiptVerifyCmd) Do(_ context.Context, _ *globals, s streams) error {
	if c.Log != "" {
		h, err := receipt.VerifyLog(c.Log, c.Key)
		if err != nil {
			return rejected(s.err, err)
		}
		fmt.Fprintf(s.out, "the log is whole: %d records, signed by %s\n", h.Size, h.Fingerprint)
		return nil
	}
	b, err := c.read(s.in)
	if err != nil {
		return err
	}
	v, err := receipt.Verify(strings.NewReader(string(b)), c.Key)
	if err != nil {
		return rejected(s.err, err)
	}
	fmt.Fprintf(s.out, "receipt %d is genuine: %s of %s, person %d\n", v.No, v.Kind, v.At.Format(time.RFC3339), v.Subject)
	if !v.Trusted {
		fmt.Fprintf(s.out, "signed by %s: compare it with the fingerprint the desk published\n", v.Fingerprint)
	}
	return c.about(v, s.out)
}

func (c *receiptVerifyCmd) read(in io.Reader) ([]byte, error) {
	switch c.File {
	case "":
		return nil, sotto.Fail(sotto.Invalid, "Name a receipt file, or a folder with --log.")
	case "-":
		return io.ReadAll(in)
	}
	b, err := os.ReadFile(c.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil, sotto.FailCause(sotto.NotFound, "There is no such file.", err)
	}
	return b, err
}

// about checks the commitment with what only the person knows.
func (c *receiptVerifyCmd) about(v receipt.Verdict, w io.Writer) error {
	if c.Nonce == "" {
		return nil
	}
	raw, err := hex.DecodeString(c.Nonce)
	if err != nil || len(raw) != 32 {
		return sotto.Fail(sotto.Invalid, "The secret has 64 hexadecimal digits.")
	}
	if !v.About([32]byte(raw), c.Identity) {
		fmt.Fprintln(w, "it is not about this person")
		return quiet(exitFailed)
	}
	fmt.Fprintln(w, "it is about this person")
	return nil
}

func rejected(w io.Writer, err error) error {
	fmt.Fprintln(w, "rejected:", sotto.SayOf(err))
	return quiet(exitFailed)
}
