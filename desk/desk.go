// Package desk puts a desk together: it opens the folder, fits every package
// to the ones it needs, starts what runs by itself and stops it again. It
// holds no rule of its own.
//
// A Desk is a value: command sotto and the tests start the same one. One
// process owns a data folder at a time.
package desk

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sotto"
	"sotto/account"
	"sotto/agent"
	"sotto/audit"
	"sotto/blob"
	"sotto/call"
	"sotto/db"
	"sotto/dial"
	"sotto/erasure"
	"sotto/flow"
	"sotto/job"
	"sotto/keyring"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/obs"
	"sotto/outbound"
	"sotto/person"
	"sotto/privacy"
	"sotto/receipt"
	"sotto/recording"
	"sotto/retention"
	"sotto/route"
	"sotto/text"
	"sotto/thread"
	"sotto/ticket"
)

// Desk is an open desk. Its parts may be used from any goroutine until Close.
type Desk struct {
	Obs        *obs.Obs
	Metrics    obs.Metrics
	DB         *db.DB
	Ring       *keyring.Ring
	Blobs      *blob.Store
	Audit      *audit.Log
	Receipts   *receipt.Log
	Jobs       *job.Jobs
	Accounts   *account.Accounts
	People     *person.People
	Lines      *line.Lines
	Menus      *route.Menus
	Agents     *agent.Agents
	Dials      *dial.Gate
	Calls      *call.Calls
	Recordings *recording.Recordings
	Tickets    *ticket.Tickets
	Texts      *text.Texts
	Threads    *thread.Threads
	Eraser     *erasure.Eraser
	Rights     *privacy.Rights
	Retention  *retention.Retention

	cfg    Config
	log    *slog.Logger
	lock   *os.File
	out    *outbound.Client
	caught bool // the database has everything the signed log has
	served atomic.Pointer[flow.Flow]
	phone  atomic.Pointer[sip.Endpoint] // while the desk is served
}

// Init makes an empty desk in cfg's folders. It refuses a folder that already
// holds one.
func Init(ctx context.Context, cfg Config) (err error) {
	defer sotto.Wrap(&err, "desk.Init")
	if err := cfg.fill(); err != nil {
		return err
	}
	if _, err := os.Stat(cfg.KeysDir()); err == nil {
		return sotto.Fail(sotto.Conflict, "There is a desk here already.")
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return sotto.FailCause(sotto.Invalid, "The data folder cannot be made.", err)
	}
	if err := keyring.Create(cfg.KeysDir()); err != nil {
		return err
	}
	log, err := receipt.Create(cfg.receipts())
	if err != nil {
		return err
	}
	if err := log.Close(); err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Config{Path: cfg.DatabasePath(), URL: cfg.DatabaseURL, Create: true, Clock: cfg.Clock})
	if err != nil {
		return err
	}
	return d.Close()
}

// Open opens a desk and finishes what a crash cut off: nothing answers yet.
// When it returns, the keys of every erasure under way are destroyed.
func Open(ctx context.Context, cfg Config) (d *Desk, err error) {
	defer sotto.Wrap(&err, "desk.Open")
	if d, err = open(ctx, cfg); err != nil {
		return nil, err
	}
	if err := d.recover(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	receipts, _ := d.Receipts.Head()
	d.log.Debug("the desk is open", "database", string(d.DB.Dialect()), "receipt", receipts)
	return d, nil
}

// open puts the parts together.
func open(ctx context.Context, cfg Config) (d *Desk, err error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	d = &Desk{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if d.lock, err = lockFolder(cfg.Data); err != nil {
		return d, err
	}
	if err := d.openGround(ctx); err != nil {
		return d, err
	}
	if err := d.checkHead(ctx); err != nil {
		return d, err
	}
	return d, d.openParts()
}

// openGround opens what everything else stands on.
func (d *Desk) openGround(ctx context.Context) (err error) {
	level, err := d.cfg.level()
	if err != nil {
		return err
	}
	d.Obs = obs.New(obs.Config{Out: d.cfg.LogTo, Level: level, JSON: d.cfg.LogFormat == "json"})
	d.log, d.Metrics = d.Obs.Log(), d.Obs.Metrics
	if d.DB, err = db.Open(ctx, db.Config{Path: d.cfg.DatabasePath(), URL: d.cfg.DatabaseURL, Clock: d.cfg.Clock, Log: d.log}); err != nil {
		return err
	}
	if d.Ring, err = keyring.Open(d.cfg.KeysDir()); err != nil {
		return err
	}
	if d.Blobs, err = blob.Open(d.cfg.BlobsDir()); err != nil {
		return err
	}
	d.Receipts, err = receipt.Open(d.cfg.receipts())
	return err
}

// openParts fits the packages together, in the reading order.
func (d *Desk) openParts() (err error) {
	if d.out, err = outbound.New(outbound.Config{AllowHosts: d.cfg.recipientHosts(), Log: d.log}); err != nil {
		return err
	}
	d.Audit = audit.New(d.DB)
	d.Jobs = job.New(d.DB, job.Config{Log: d.log, Runs: d.Metrics.Jobs})
	d.People = person.New(d.DB, d.Ring, d.Audit, d.cfg.Region)
	d.Accounts = account.New(d.DB, d.People, d.Audit, d.cfg.Clock)
	if d.Lines, err = line.New(d.DB, d.Blobs, d.Audit, d.cfg.Region); err != nil {
		return err
	}
	if d.Dials, err = dial.New(dial.Config{
		DB: d.DB, People: d.People, Lines: d.Lines, Audit: d.Audit, Metrics: d.Metrics, Region: d.cfg.Region,
	}); err != nil {
		return err
	}
	d.Calls = call.New(call.Config{DB: d.DB, Ring: d.Ring, People: d.People, Log: d.log, Metrics: d.Metrics})
	d.Agents = agent.New(d.DB, d.Ring, d.People, d.Audit)
	d.Menus = route.New(route.Config{
		DB: d.DB, Audit: d.Audit, Lines: d.Lines, HasGroup: d.Agents.HasGroup, HasAgent: d.Agents.HasAgent, HasSkill: d.Agents.HasSkill, HasGreeting: d.Lines.HasMenuSound,
	})
	d.Recordings = recording.New(recording.Config{
		DB: d.DB, Ring: d.Ring, Blobs: d.Blobs, Audit: d.Audit, Log: d.log, Clock: d.cfg.Clock, Metrics: d.Metrics,
	})
	d.Tickets = ticket.New(ticket.Config{
		DB: d.DB, Blobs: d.Blobs, Ring: d.Ring, Audit: d.Audit, Jobs: d.Jobs, People: d.People, Region: d.cfg.Region,
		Answered: func(tx *db.Tx, t ticket.Ticket, c ticket.Comment) error { return d.Threads.Answered(tx, t, c) },
	})
	d.Texts = text.New(text.Config{DB: d.DB, Ring: d.Ring, People: d.People, Audit: d.Audit, Jobs: d.Jobs})
	if d.Threads, err = thread.New(thread.Config{
		DB: d.DB, Lines: d.Lines, People: d.People, Tickets: d.Tickets, Texts: d.Texts, Gate: d.Dials, Say: d.sayText, Log: d.log,
	}); err != nil {
		return err
	}
	d.Eraser = erasure.New(erasure.Config{
		DB: d.DB, Ring: d.Ring, Blobs: d.Blobs, People: d.People, Tickets: d.Tickets, Recordings: d.Recordings,
		Audit: d.Audit, Receipts: d.Receipts, Jobs: d.Jobs, Log: d.log,
		Recipients: d.cfg.recipientNames(), Tell: d.tell, SignOut: d.signOut, ScanDirs: []string{d.cfg.Data},
	})
	d.Rights = privacy.New(privacy.Config{
		DB: d.DB, Ring: d.Ring, Blobs: d.Blobs, People: d.People, Tickets: d.Tickets, Recordings: d.Recordings,
		Audit: d.Audit, Receipts: d.Receipts, Jobs: d.Jobs, Eraser: d.Eraser,
	})
	d.Retention = retention.New(retention.Config{
		DB: d.DB, Tickets: d.Tickets, Recordings: d.Recordings, Eraser: d.Eraser, Log: d.log,
		Expire: []func(context.Context) (int, error){d.Tickets.ExpireUploads, d.Rights.ExpireExports},
	})
	d.Jobs.Handle(text.JobSend, d.sendText)
	d.Jobs.Handle(erasure.JobClean, d.Eraser.Clean)
	d.Jobs.Handle(erasure.JobTell, d.Eraser.TellWaiting)
	d.Jobs.Handle(privacy.JobErase, d.Rights.RunErasure)
	d.Jobs.Handle(privacy.JobRequest, d.Rights.RunRequest)
	d.Jobs.Handle(privacy.JobExport, d.Rights.RunExport)
	return nil
}

// Flow is the calls under way; nil while the desk is not served.
func (d *Desk) Flow() *flow.Flow { return d.served.Load() }

// signOut takes a person who is being forgotten out of what is in memory: the
// registrations of its telephones, and its number in calls under way.
func (d *Desk) signOut(ctx context.Context, id sotto.PersonID) error {
	d.Calls.Forget(id)
	return d.Agents.SignOut(ctx, id)
}

// recover brings the data of a desk that stopped without warning into order.
func (d *Desk) recover(ctx context.Context) error {
	undone, err := d.Eraser.Resume(ctx)
	if err != nil {
		return err
	}
	if err := d.catchUp(ctx); err != nil {
		return err
	}
	if err := d.Dials.Recover(ctx); err != nil {
		return err
	}
	if err := d.Jobs.Recover(ctx); err != nil {
		return err
	}
	if err := d.Rights.Requeue(ctx, undone); err != nil {
		return err
	}
	if err := d.Rights.Recover(ctx); err != nil {
		return err
	}
	// Calls that were cut off are ended when the desk is served: package flow
	// files their tickets, in the same transaction.
	return d.Recordings.Recover(ctx)
}

// Log returns the desk's logger.
func (d *Desk) Log() *slog.Logger { return d.log }

// Config returns the configuration in force.
func (d *Desk) Config() Config { return d.cfg }

// Close stops what runs and closes everything. Closing twice is fine.
func (d *Desk) Close() (err error) {
	if d.Jobs != nil {
		d.Jobs.Stop()
	}
	if d.Recordings != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, d.Recordings.Stop(ctx))
	}
	if d.caught {
		err = errors.Join(err, d.rememberHead(context.Background()))
	}
	if d.Receipts != nil {
		err = errors.Join(err, d.Receipts.Close())
	}
	if d.Ring != nil {
		err = errors.Join(err, d.Ring.Close())
	}
	if d.DB != nil {
		err = errors.Join(err, d.DB.Close())
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	*d = Desk{cfg: d.cfg}
	return err
}

// fill puts in what a file cannot say and refuses what cannot work.
func (c *Config) fill() (err error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.LogTo == nil {
		c.LogTo = os.Stderr
	}
	if c.DatabaseURL, err = c.postgres(); err != nil {
		return err
	}
	return c.Check()
}

// receiptKey is the file of the key that signs the receipts.
const receiptKey = "receipt.key"

func (c Config) receipts() receipt.Config {
	return receipt.Config{
		Dir: c.ReceiptsDir(), KeyFile: filepath.Join(c.KeysDir(), receiptKey),
		Origin: "sotto", Clock: c.Clock, MustExist: true,
	}
}

// Manual returns the annotated default configuration.
func Manual() []byte { return defaults }
