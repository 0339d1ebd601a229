package line_test

import (
	"context"
	"testing"
	"time"

	"sotto"
	"sotto/db"
	"sotto/leg/media"
)

func TestMenuSoundsAreNamedByNumber(t *testing.T) {
	each(t, func(t *testing.T, desk desk) {
		ctx := context.Background()
		l := desk.create(t, settings("+33199001234"))
		var ids []int64
		for i, hz := range []float64{440, 600} {
			n, err := desk.lines.AddMenuSound(ctx, sotto.Operator(), l.ID, "fr", media.Tone(hz, time.Duration(i+1)*100*time.Millisecond).WAV())
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, n)
		}
		for i, n := range ids {
			got, err := desk.lines.MenuSound(ctx, n)
			if err != nil || got.Clip.Duration() != time.Duration(i+1)*100*time.Millisecond {
				t.Errorf("sound %d: %v, %v", i, got.Clip.Duration(), err)
			}
		}
		for n, want := range map[int64]bool{ids[0]: true, 4711: false} {
			if err := desk.db.Read(ctx, func(tx *db.Tx) error {
				there, err := desk.lines.HasMenuSound(tx, n)
				if there != want {
					t.Errorf("sound %d is there: %v", n, there)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		}
		if _, err := desk.lines.MenuSound(ctx, 4711); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("a sound that is not there: %v", err)
		}
		agent := sotto.Actor{Person: 5, Role: sotto.Agent}
		wav := media.Tone(440, time.Second).WAV()
		for name, c := range map[string]struct {
			err  error
			want sotto.Kind
		}{
			"by an agent":       {add(desk.lines.AddMenuSound(ctx, agent, l.ID, "fr", wav)), sotto.Denied},
			"in German":         {add(desk.lines.AddMenuSound(ctx, sotto.Operator(), l.ID, "de", wav)), sotto.Invalid},
			"no sound":          {add(desk.lines.AddMenuSound(ctx, sotto.Operator(), l.ID, "fr", []byte("RIFF"))), sotto.Invalid},
			"on no line at all": {add(desk.lines.AddMenuSound(ctx, sotto.Operator(), 4711, "fr", wav)), sotto.NotFound},
		} {
			if sotto.KindOf(c.err) != c.want || c.err == nil {
				t.Errorf("%s: %v", name, c.err)
			}
		}
	})
}

func add(_ int64, err error) error { return err }
