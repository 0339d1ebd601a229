package db

import (
	"context"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"

	"sotto"
)

//go:embed migration
var migrations embed.FS

// migrate brings the schema forward. It never goes back, and it refuses a
// database that a newer Sotto has already changed.
func (d *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migration/"+string(d.dialect))
	if err != nil {
		return err
	}
	dialect := goose.DialectSQLite3
	if d.dialect == Postgres {
		dialect = goose.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, d.pool, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return sotto.Fail(sotto.Conflict, "This database was made by a newer Sotto. Install that version or a newer one.")
	}
	_, err = p.Up(ctx)
	return err
}
