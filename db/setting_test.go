package db_test

import (
	"context"
	"testing"

	"sotto"
	"sotto/db"
	"sotto/db/dbtest"
)

func TestSettingIsTheDefaultUntilSet(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		steps := []struct {
			name  string
			set   db.SettingName
			value int64
			kind  sotto.Kind // of the error; Internal for none
			want  int64      // of ticket_purge_days afterwards
		}{
			{"Unset", "", 0, sotto.Internal, 7},
			{"Set", db.TicketPurgeDays, 30, sotto.Internal, 30},
			{"SetAgain", db.TicketPurgeDays, 0, sotto.Internal, 0},
			{"TooSmall", db.TicketPurgeDays, -1, sotto.Invalid, 0},
			{"TooLarge", db.TicketPurgeDays, 366, sotto.Invalid, 0},
			{"Another", db.AttachmentMaxMB, 9, sotto.Internal, 0},
			{"Unknown", "favourite_colour", 1, sotto.Invalid, 0},
		}
		for _, s := range steps {
			err := d.Write(context.Background(), func(tx *db.Tx) error {
				if s.set == "" {
					return nil
				}
				return db.SetSetting(tx, s.set, s.value)
			})
			if (err != nil) != (s.kind != sotto.Internal) || (err != nil && sotto.KindOf(err) != s.kind) {
				t.Errorf("%s: SetSetting = %v, want kind %v", s.name, err, s.kind)
			}
			if got := setting(t, d, db.TicketPurgeDays, 7); got != s.want {
				t.Errorf("%s: Setting = %d, want %d", s.name, got, s.want)
			}
		}
	})
}

func TestSettingRefusesAnUnknownName(t *testing.T) {
	d := dbtest.SQLite(t)
	err := d.Read(context.Background(), func(tx *db.Tx) error {
		_, err := db.Setting(tx, "favourite_colour", 1)
		return err
	})
	if sotto.KindOf(err) != sotto.Invalid {
		t.Errorf("Setting = %v, want invalid", err)
	}
}

func TestEverySettingNameCanBeSet(t *testing.T) {
	d := dbtest.SQLite(t)
	for _, name := range db.SettingNames() {
		err := d.Write(context.Background(), func(tx *db.Tx) error { return db.SetSetting(tx, name, 3) })
		if err != nil {
			t.Errorf("SetSetting(%s) = %v", name, err)
		}
		if got := setting(t, d, name, 99); got != 3 {
			t.Errorf("Setting(%s) = %d, want 3", name, got)
		}
	}
}

func setting(t *testing.T, d *db.DB, name db.SettingName, fallback int64) (n int64) {
	t.Helper()
	err := d.Read(context.Background(), func(tx *db.Tx) (err error) {
		n, err = db.Setting(tx, name, fallback)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
