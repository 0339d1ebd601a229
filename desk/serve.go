package desk

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sotto"
	"sotto/api"
	"sotto/dial"
	"sotto/flow"
	"sotto/insight"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/sip"
	"sotto/leg/webrtc"
	"sotto/person"
	"sotto/queue"
	"sotto/site"
)

// retentionEvery is how often what is due is looked for.
const retentionEvery = time.Minute

// tidyEvery is how often what a crash left behind is looked for.
const tidyEvery = time.Hour

// rotateEvery is how often the keyring's epoch key is changed when nothing
// else changes it.
const rotateEvery = 24 * time.Hour

// Server is a desk that answers: telephones, trunks and programs.
type Server struct {
	d     *Desk
	media *media.Engine
	phone *sip.Endpoint
	pages *webrtc.Endpoint
	queue *queue.Queue
	flow  *flow.Flow
	http  *http.Server
	web   net.Listener

	stop context.CancelFunc
	work sync.WaitGroup
	mu   sync.Mutex
	fell error // why the web server fell, if it did
}

// Serve opens the doors. The desk must be open and not yet served. When it
// returns, calls are taken and requests answered until Close.
func (d *Desk) Serve(ctx context.Context) (s *Server, err error) {
	defer sotto.Wrap(&err, "desk.Serve")
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s = &Server{d: d, stop: stop}
	for _, open := range []func(context.Context) error{s.openTelephone, s.openWeb, d.Jobs.Start, s.keepPromises} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	s.work.Go(func() { s.keepTime(ctx) })
	d.log.Info("the desk answers", "addr", s.HTTP())
	return s, nil
}

func (s *Server) openTelephone(ctx context.Context) (err error) {
	d := s.d
	addr, err := d.cfg.mediaAddr()
	if err != nil {
		return err
	}
	var advertise netip.Addr
	if d.cfg.MediaAdvertise != "" {
		if advertise, err = netip.ParseAddr(d.cfg.MediaAdvertise); err != nil {
			return sotto.FailField("media_advertise", "The address that others are told must be an IP address.")
		}
	}
	if s.media, err = media.Open(media.Config{
		Addr: addr, Advertise: advertise, PortMin: d.cfg.MediaPortMin, PortMax: d.cfg.MediaPortMax, Log: d.log,
	}); err != nil {
		return err
	}
	s.queue = queue.New(queue.Config{DB: d.DB, Ring: d.Ring, People: d.People, Audit: d.Audit, Agents: d.Agents, Log: d.log})
	if err := s.queue.Restore(ctx); err != nil {
		return err
	}
	if err := s.openFlow(ctx); err != nil {
		return err
	}
	// The telephone and the flow need each other: calls come from the one and
	// agents are rung through it. A call that comes while Open returns waits.
	open := make(chan struct{})
	defer close(open)
	accept := func(ctx context.Context, l leg.Leg) {
		<-open
		s.flow.Accept(ctx, l)
	}
	s.phone, err = sip.Open(sip.Config{
		UDP: d.cfg.SIP, TCP: d.cfg.SIP, Advertise: advertise, Media: s.media, Trunks: d.cfg.sipTrunks(),
		Phones: d.Agents, Clock: d.cfg.Clock, Log: d.log, Metrics: d.Metrics,
		MD5Only: d.cfg.PhonesMD5Only,
		TLS:     d.cfg.SIPTLS, WS: d.cfg.SIPWS, WSS: d.cfg.SIPWSS,
		Certificate: d.cfg.SIPCertificate, Key: d.cfg.SIPKey, Origins: d.cfg.SIPOrigins,
		SecurePhones: d.cfg.PhonesSecure,
		Timers:       sip.Timers{MediaTimeout: time.Duration(d.cfg.MediaTimeout) * time.Second},
		Accept:       accept,
		Text:         s.takeText,
	})
	if err != nil {
		return err
	}
	d.phone.Store(s.phone)
	pages, err := d.cfg.pages()
	if err != nil {
		return err
	}
	pages.Advertise, pages.Media, pages.Clock, pages.Log = advertise, s.media, d.cfg.Clock, d.log
	pages.Present, pages.Accept = newPresence(d.Agents).note, accept
	if s.pages, err = webrtc.Open(pages); err != nil {
		return err
	}
	d.Agents.AttachPages(s.pages)
	return d.Agents.Attach(ctx, s.phone)
}

// openFlow makes the journey of calls and the tickets of those that a stop
// without warning cut off.
func (s *Server) openFlow(ctx context.Context) (err error) {
	d := s.d
	if s.flow, err = flow.New(flow.Config{
		DB: d.DB, People: d.People, Lines: d.Lines, Menus: d.Menus, Calls: d.Calls, Agents: d.Agents, Queue: s.queue,
		Recordings: d.Recordings, Tickets: d.Tickets, Clock: d.cfg.Clock, Log: d.log, Metrics: d.Metrics,
		Dial: s.dial, DialOut: s.dialOut, Gate: d.Dials, Threads: d.Threads, Audit: d.Audit, Media: s.media,
	}); err != nil {
		return err
	}
	d.served.Store(s.flow)
	return s.flow.Recover(ctx)
}

// keepPromises lets the queue call back those who were promised it.
func (s *Server) keepPromises(context.Context) error {
	s.queue.Handle(s.flow.CallBack)
	return nil
}

// dialOut calls a number outside through the trunks, the first first.
func (s *Server) dialOut(ctx context.Context, grant dial.Grant, who leg.Caller, secure bool) (leg.Leg, error) {
	names := s.d.trunksOut()
	if len(names) == 0 {
		return nil, sotto.FailCause(sotto.Conflict, "No trunk of this desk takes calls out.", &leg.EndError{Cause: leg.Unreachable})
	}
	return s.phone.Dial(ctx, sip.Target{Trunks: names, Number: grant.Number(), Caller: who, Secure: secure})
}

func (s *Server) openWeb(context.Context) (err error) {
	d := s.d
	home, err := site.New(s.SIP(), d.log)
	if err != nil {
		return err
	}
	telephone, err := home.Phone()
	if err != nil {
		return err
	}
	visit, err := home.Visit(d.Lines, d.cfg.Clock)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", home)
	mux.Handle("GET "+webrtc.Path, s.pages)
	mux.Handle("/phone", telephone)
	mux.Handle("/phone/", telephone)
	mux.Handle("GET /call/{line}", visit)
	mux.Handle("/api/", api.New(api.Config{
		DB: d.DB, Accounts: d.Accounts, People: d.People, Tickets: d.Tickets, Texts: d.Texts, Threads: d.Threads, Calls: d.Calls, Recordings: d.Recordings,
		Lines: d.Lines, Menus: d.Menus, Agents: d.Agents, Queue: s.queue, Flow: s.flow, Insight: insight.New(d.DB), Dials: d.Dials, Audit: d.Audit, Eraser: d.Eraser, Rights: d.Rights, Receipts: d.Receipts,
		Pages: s.pages,
		Log:   d.log, Metrics: d.Metrics, Clock: d.cfg.Clock, TrustProxy: d.cfg.TrustProxy,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", d.Obs.Handler())
	if s.web, err = net.Listen("tcp", d.cfg.HTTP); err != nil {
		return sotto.FailCause(sotto.Busy, "The web address is in use or cannot be used: choose another with --http.", err)
	}
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	s.work.Go(func() {
		if err := s.http.Serve(s.web); !errors.Is(err, http.ErrServerClosed) {
			s.mu.Lock()
			s.fell = err
			s.mu.Unlock()
		}
	})
	return nil
}

// ready answers whether the desk can take a call now: the database answers
// and the receipts can be written.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if _, err := s.d.People.Count(ctx, person.Filter{}); err != nil {
		answer(w, http.StatusServiceUnavailable, "the database does not answer")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, words string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": words}) // the asker is gone: nobody to tell
}

// keepTime runs retention and changes the epoch key, until ctx ends.
func (s *Server) keepTime(ctx context.Context) {
	due := time.NewTicker(retentionEvery)
	defer due.Stop()
	tidy := time.NewTicker(tidyEvery)
	defer tidy.Stop()
	rotate := time.NewTicker(rotateEvery)
	defer rotate.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			s.d.Calls.Settle(ctx)
			if err := s.d.Agents.Settle(ctx); err != nil && ctx.Err() == nil {
				s.d.log.Error("the figures of agents cannot be written; they are kept for later", "err", err)
			}
			if _, err := s.d.Retention.RunDue(ctx); err != nil && ctx.Err() == nil {
				s.d.log.Error("not everything that is due could be removed", "err", err)
			}
		case <-tidy.C:
			if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
				s.d.log.Error("not everything that was left behind could be removed", "err", err)
			}
		case <-rotate.C:
			if err := s.d.Ring.Rotate(); err != nil {
				s.d.log.Error("the epoch key was not changed", "err", err)
			}
		}
	}
}

// tidy removes files without a row and registrations that ran out, and lets
// the database remember how long the signed log is.
func (d *Desk) tidy(ctx context.Context) error {
	_, err := d.Tickets.Sweep(ctx)
	return errors.Join(err, d.Agents.Expire(ctx), d.rememberHead(ctx))
}

func (s *Server) tidy(ctx context.Context) error {
	_, err := s.queue.Expire(ctx)
	return errors.Join(err, s.d.tidy(ctx))
}

// HTTP is the address the web answers at.
func (s *Server) HTTP() string {
	if s.web == nil {
		return ""
	}
	return s.web.Addr().String()
}

// SIP is the address telephones reach us at.
func (s *Server) SIP() string {
	if s.phone == nil {
		return ""
	}
	return s.phone.Addr().String()
}

// Flow is the calls under way, for tests and drain.
func (s *Server) Flow() *flow.Flow { return s.flow }

// Close ends the calls, stops what runs and closes the doors; the desk itself
// stays open. Closing twice is fine.
func (s *Server) Close() (err error) {
	if s.stop == nil {
		return nil
	}
	if s.http != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, s.http.Shutdown(ctx))
	}
	s.d.phone.Store(nil)
	if s.phone != nil {
		err = errors.Join(err, s.phone.Close())
	}
	if s.pages != nil {
		err = errors.Join(err, s.pages.Close())
	}
	s.d.served.Store(nil)
	if s.flow != nil {
		s.flow.Wait()
		s.d.Calls.Settle(context.Background())
	}
	if s.queue != nil {
		s.queue.Stop()
	}
	if s.media != nil {
		err = errors.Join(err, s.media.Close())
	}
	s.d.Jobs.Stop()
	s.stop()
	s.work.Wait()
	s.stop = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(err, s.fell)
}
