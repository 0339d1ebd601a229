package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"sotto/desk"
)

type serveCmd struct {
	HTTP string `placeholder:"ADDR" help:"Where the web listens, as 127.0.0.1:8080."`
	SIP  string `name:"sip" placeholder:"ADDR" help:"Where telephones reach us, as 127.0.0.1:5060."`
	Demo bool   `help:"Make and fill a demonstration desk first, if the folder is empty."`
}

// Do serves the desk until it is told to stop.
func (c *serveCmd) Do(ctx context.Context, g *globals, s streams) (err error) {
	cfg, err := g.load(s)
	if err != nil {
		return err
	}
	if c.HTTP != "" {
		cfg.HTTP = c.HTTP
	}
	if c.SIP != "" {
		cfg.SIP = c.SIP
	}
	if c.Demo {
		cfg = withDemoTrunk(cfg)
		if _, err := os.Stat(cfg.KeysDir()); errors.Is(err, os.ErrNotExist) {
			if err := makeDemo(ctx, cfg, s); err != nil {
				return err
			}
		}
	}
	d, err := desk.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	d.Obs.Silence() // libraries must not write callers' addresses beside our log
	srv, err := d.Serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	ctl, err := listenControl(d, cfg)
	if err != nil {
		return err
	}
	go ctl.serve(ctx)
	defer ctl.close()
	fmt.Fprintf(s.out, "sotto answers on http://%s and sip:%s\n", srv.HTTP(), srv.SIP())
	if c.Demo {
		printDemoGuide(s.out, cfg, srv.HTTP(), srv.SIP())
	}
	<-ctx.Done()
	fmt.Fprintln(s.out, "stopping: calls are ended, recordings are brought to the disk")
	return nil
}
