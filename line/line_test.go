package line_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/catalogue"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/leg/media"
	"sotto/leg/media/audio"
	"sotto/leg/media/mediatest"
	"sotto/line"
)

var admin = sotto.Operator()

type desk struct {
	db    *db.DB
	blobs *blob.Store
	lines *line.Lines
	audit *audit.Log
}

func each(t *testing.T, f func(t *testing.T, d desk)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		blobs, err := blob.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		log := audit.New(base)
		lines, err := line.New(base, blobs, log, "FR")
		if err != nil {
			t.Fatal(err)
		}
		f(t, desk{base, blobs, lines, log})
	})
}

func settings(number string) line.Settings {
	s := line.Defaults()
	s.Number, s.Name = number, "Front desk"
	return s
}

func (d desk) create(t *testing.T, s line.Settings) line.Line {
	t.Helper()
	l, err := d.lines.Create(context.Background(), admin, s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// audited counts the audit entries of a source.
func (d desk) count(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	err := d.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		n, err = db.One(tx, db.Int, query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// exec runs a statement behind the owner's back.
func (d desk) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	err := d.db.Write(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLineIsKeptAsItWasSet(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		s := settings("01 99 00 12 34")
		s.Locale, s.Consent, s.KeepCallDays = "fr", line.OptOut, 0
		s.Hours = line.Hours{Zone: "Europe/Paris", Spans: []line.Span{{Day: time.Tuesday, Opens: 540, Closes: 1080}, {Day: time.Monday, Opens: 540, Closes: 1440}}}
		l := d.create(t, s)
		if l.Number != "+33199001234" {
			t.Errorf("number = %q, want E.164", l.Number)
		}
		got, err := d.lines.Get(ctx, l.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l, got); diff != "" {
			t.Errorf("Get (-created +got):\n%s", diff)
		}
		changed, err := d.lines.Update(ctx, admin, l.ID, func(s *line.Settings) error {
			s.Name, s.KeepCallDays, s.Hours.Spans = " Reception ", 30, nil
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err = d.lines.Get(ctx, l.ID)
		if diff := cmp.Diff(changed, got); err != nil || diff != "" || got.Name != "Reception" {
			t.Errorf("after Update: %v, %q (-want +got):\n%s", err, got.Name, diff)
		}
		all, err := d.lines.List(ctx)
		if diff := cmp.Diff([]line.Line{got}, all); err != nil || diff != "" {
			t.Errorf("List: %v (-want +got):\n%s", err, diff)
		}
		if n := d.count(t, "SELECT COUNT(*) FROM audit_entry WHERE source = 'line' AND source_id = $1", int64(l.ID)); n != 2 {
			t.Errorf("%d audit entries, want 2", n)
		}
	})
}

func TestByNumberReadsWhatTrunksSend(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		front, back := d.create(t, settings("+33 1 99 00 12 34")), d.create(t, settings("Support-2"))
		short := d.create(t, settings("1000"))
		us := d.create(t, settings("+1 202 555 0123"))
		for _, c := range []struct {
			dialled string
			want    sotto.LineID
		}{
			{"+33199001234", front.ID}, {"33199001234", front.ID}, {"0033199001234", front.ID}, {"0199001234", front.ID}, {"01 99 00 12 34", front.ID},
			{"support-2", back.ID}, {"SUPPORT-2", back.ID}, {"1000", short.ID},
			{"12025550123", us.ID}, {"+12025550123", us.ID}, {"0012025550123", us.ID},
			{"+33199001235", 0}, {"", 0}, {"anonymous", 0}, {"1000;x=1", 0}, {"'; DROP TABLE line", 0},
		} {
			l, err := d.lines.ByNumber(context.Background(), c.dialled)
			if l.ID != c.want || (err == nil) != (c.want != 0) || (err != nil && sotto.KindOf(err) != sotto.NotFound) {
				t.Errorf("ByNumber(%q) = %d, %v, want %d", c.dialled, l.ID, err, c.want)
			}
		}
	})
}

func TestSettingsThatCannotBeMeantAreRefused(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		for _, c := range []struct {
			field string
			edit  func(*line.Settings)
		}{
			{"number", func(s *line.Settings) { s.Number = "" }},
			{"number", func(s *line.Settings) { s.Number = "7" }},
			{"number", func(s *line.Settings) { s.Number = "sip:a@b" }},
			{"name", func(s *line.Settings) { s.Name = "  " }},
			{"name", func(s *line.Settings) { s.Name = "a\r\nb" }},
			{"locale", func(s *line.Settings) { s.Locale = "de" }},
			{"consent", func(s *line.Settings) { s.Consent = "maybe" }},
			{"ring_seconds", func(s *line.Settings) { s.Ring = 4 * time.Second }},
			{"ring_seconds", func(s *line.Settings) { s.Ring = 5500 * time.Millisecond }},
			{"wait_seconds", func(s *line.Settings) { s.Wait = -time.Second }},
			{"wait_seconds", func(s *line.Settings) { s.Wait = 61 * time.Minute }},
			{"keep_call_days", func(s *line.Settings) { s.KeepCallDays = 3651 }},
			{"keep_call_days", func(s *line.Settings) { s.KeepCallDays = -1 }},
			{"keep_voicemail_days", func(s *line.Settings) { s.KeepVoicemailDays = 9999 }},
			{"time_zone", func(s *line.Settings) { s.Hours.Zone = "Mars/Base" }},
			{"line_type", func(s *line.Settings) { s.Kind = "fax" }},
			{"number", func(s *line.Settings) { s.Kind = line.Digital }},
			{"sms_enabled", func(s *line.Settings) { s.Kind, s.Number, s.SMS = line.Digital, "web", true }},
			{"voice_enabled", func(s *line.Settings) { s.Voice = false }},
			{"brand", func(s *line.Settings) { s.Brand = "a\x00" }},
			{"max_queue_size", func(s *line.Settings) { s.MaxQueue = 1501 }},
			{"max_queue_size", func(s *line.Settings) { s.MaxQueue = -1 }},
			{"wrap_up_seconds", func(s *line.Settings) { s.WrapUp, s.WrapUpLimit = true, 9*time.Second }},
			{"wrap_up_seconds", func(s *line.Settings) { s.WrapUp, s.WrapUpLimit = true, 21*time.Minute }},
			{"wrap_up_seconds", func(s *line.Settings) { s.WrapUpLimit = time.Minute }},
			{"group_ids", func(s *line.Settings) { s.Groups = []sotto.GroupID{1, 2, 1} }},
			{"group_ids", func(s *line.Settings) { s.Groups = []sotto.GroupID{0} }},
			{"ivr_id", func(s *line.Settings) { s.Menu = -1 }},
			{"schedule_id", func(s *line.Settings) { s.Schedule = -1 }},
			{"caller_id", func(s *line.Settings) { s.CallerID = "1000" }},
			{"failover_number", func(s *line.Settings) { s.Failover = "reception" }},
			{"failover_number", func(s *line.Settings) { s.Failover = "+33 1 99 00 12 34" }},
			{"overflow_number", func(s *line.Settings) { s.Overflow = "+33199009999" }}, // messages are taken
			{"overflow_number", func(s *line.Settings) { s.Voicemail, s.Overflow = false, "+123" }},
			{"overflow_number_outside_hours", func(s *line.Settings) { s.Voicemail, s.OverflowClosed = false, "+33199001234" }},
		} {
			s := settings("+33199001234")
			c.edit(&s)
			_, err := d.lines.Create(context.Background(), admin, s)
			if sotto.FieldOf(err) != c.field || sotto.KindOf(err) != sotto.Invalid {
				t.Errorf("Create with a wrong %s: %v", c.field, err)
			}
		}
		if n := d.count(t, "SELECT COUNT(*) FROM line"); n != 0 {
			t.Errorf("%d lines were made", n)
		}
	})
}

func TestCallsAreNotSentOnToTheDeskItself(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		d.create(t, settings("+33199001234"))
		s := settings("+33199001235")
		s.Voicemail = false
		for field, edit := range map[string]func(*line.Settings){
			"failover_number":               func(s *line.Settings) { s.Failover = "0199001234" },
			"overflow_number":               func(s *line.Settings) { s.Overflow = "+33199001234" },
			"overflow_number_outside_hours": func(s *line.Settings) { s.OverflowClosed = "+33199001234" },
		} {
			bad := s
			edit(&bad)
			if _, err := d.lines.Create(ctx, admin, bad); sotto.FieldOf(err) != field || sotto.KindOf(err) != sotto.Invalid {
				t.Errorf("Create with %s of the desk: %v", field, err)
			}
		}
		s.Overflow = "+33199009999"
		d.create(t, s)
		if _, err := d.lines.Create(ctx, admin, settings("+33199009999")); sotto.KindOf(err) != sotto.Conflict || sotto.FieldOf(err) != "number" {
			t.Errorf("a line of a number that calls are sent on to: %v", err)
		}
	})
}

func TestNumberIsOneLinesUntilTheLineIsDeleted(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		first := d.create(t, settings("+33199001234"))
		_, err := d.lines.Create(ctx, admin, settings("0199001234"))
		if sotto.KindOf(err) != sotto.Conflict || sotto.FieldOf(err) != "number" {
			t.Fatalf("a second line of the number: %v", err)
		}
		if err := d.lines.Delete(ctx, admin, first.ID); err != nil {
			t.Fatal(err)
		}
		second := d.create(t, settings("+33199001234"))
		got, err := d.lines.ByNumber(ctx, "+33199001234")
		if err != nil || got.ID != second.ID {
			t.Errorf("ByNumber = %d, %v, want the new line %d", got.ID, err, second.ID)
		}
		old, err := d.lines.Get(ctx, first.ID)
		if err != nil || old.DeletedAt.IsZero() {
			t.Errorf("the deleted line: %v, %v", old.DeletedAt, err)
		}
		for _, err := range []error{
			d.lines.Delete(ctx, admin, first.ID),
			d.lines.Delete(ctx, admin, 4711),
		} {
			if sotto.KindOf(err) != sotto.NotFound {
				t.Errorf("Delete again: %v", err)
			}
		}
		if _, err := d.lines.Update(ctx, admin, first.ID, func(*line.Settings) error { return nil }); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("Update of a deleted line: %v", err)
		}
	})
}

func TestOnlyAdministratorsChangeLines(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		l := d.create(t, settings("+33199001234"))
		agent := sotto.Actor{Person: 1, Role: sotto.Agent}
		_, e1 := d.lines.Create(ctx, agent, settings("+33199001235"))
		_, e2 := d.lines.Update(ctx, agent, l.ID, func(*line.Settings) error { t.Error("edit ran"); return nil })
		for i, err := range []error{
			e1, e2, d.lines.Delete(ctx, agent, l.ID),
			d.lines.SetSound(ctx, agent, l.ID, line.Greeting, "en", nil), d.lines.ResetSound(ctx, agent, l.ID, line.Greeting, "en"),
		} {
			if sotto.KindOf(err) != sotto.Denied {
				t.Errorf("%d: %v, want Denied", i, err)
			}
		}
	})
}

// wav is a 16-bit PCM file of a tone.
func wav(hz float64, d time.Duration) []byte {
	clip := media.Tone(hz, d)
	var b bytes.Buffer
	le := func(v uint32, n int) {
		for i := range n {
			b.WriteByte(byte(v >> (8 * i)))
		}
	}
	b.WriteString("RIFF")
	le(uint32(36+2*len(clip.Mulaw)), 4)
	b.WriteString("WAVEfmt ")
	for _, v := range [][2]uint32{{16, 4}, {1, 2}, {1, 2}, {8000, 4}, {16000, 4}, {2, 2}, {16, 2}} {
		le(v[0], int(v[1]))
	}
	b.WriteString("data")
	le(uint32(2*len(clip.Mulaw)), 4)
	for _, c := range clip.Mulaw {
		le(uint32(uint16(media.DecodeMulaw(c))), 2)
	}
	return b.Bytes()
}

func TestUploadedSoundIsPlayedAndTheOldOneKept(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		l := d.create(t, settings("+33199001234"))
		sound := func(locale string) line.Sound {
			t.Helper()
			s, err := d.lines.Sound(ctx, l.ID, line.ConsentOptIn, locale)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		own := sound("fr")
		if own.Notice != "default/fr/consent-opt-in" || own.SHA256 == ([32]byte{}) {
			t.Errorf("the desk's own: %q", own.Notice)
		}
		for _, hz := range []float64{440, 880} {
			if err := d.lines.SetSound(ctx, admin, l.ID, line.ConsentOptIn, "fr", wav(hz, time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		up := sound("fr")
		if pcm := up.Clip.PCM(); up.Clip.Duration() != time.Second || !mediatest.HasTone(pcm, media.SampleRate, 880) || math.Abs(audio.Loudness(pcm)-audio.Target) > 0.5 {
			t.Errorf("the sound is not the last one uploaded, levelled: %v, %.1f LUFS", up.Clip.Duration(), audio.Loudness(pcm))
		}
		d.sameFile(t, l, up)
		if en := sound("en"); en.Notice != "default/en/consent-opt-in" {
			t.Errorf("the other language plays %q", en.Notice)
		}
		if odd := sound("xx"); odd.Notice != "default/en/consent-opt-in" {
			t.Errorf("a language we do not speak plays %q", odd.Notice)
		}
		if err := d.lines.ResetSound(ctx, admin, l.ID, line.ConsentOptIn, "fr"); err != nil {
			t.Fatal(err)
		}
		if got := sound("fr"); got.SHA256 != own.SHA256 {
			t.Errorf("after ResetSound it plays %q", got.Notice)
		}
		if n := d.count(t, "SELECT COUNT(*) FROM greeting WHERE removed_at IS NOT NULL"); n != 2 {
			t.Errorf("%d old sounds are kept, want 2", n)
		}
		files := 0
		if err := d.blobs.Each(catalogue.GreetingSample, func(int64) error { files++; return nil }); err != nil || files != 2 {
			t.Errorf("%d files, %v, want 2", files, err)
		}
	})
}

// sameFile checks that the hash of a sound is the hash of its file on the disk.
func (d desk) sameFile(t *testing.T, l line.Line, s line.Sound) {
	t.Helper()
	up, err := d.lines.Sounds(context.Background(), l.ID)
	if err != nil || len(up) != 1 {
		t.Fatalf("Sounds = %v, %v, want one", up, err)
	}
	if want := fmt.Sprintf("greeting/%d", up[0].ID); s.Notice != want {
		t.Errorf("notice = %q, want %q", s.Notice, want)
	}
	r, err := d.blobs.Open(catalogue.GreetingSample, up[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := io.ReadAll(r)
	if err != nil || sha256.Sum256(b) != s.SHA256 {
		t.Errorf("the hash is not that of the file: %v", err)
	}
}

func TestRefusedSoundLeavesNothingBehind(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		l := d.create(t, settings("+33199001234"))
		good := wav(440, time.Second)
		for _, c := range []struct {
			name string
			err  error
			want sotto.Kind
		}{
			{"no sound", d.lines.SetSound(ctx, admin, l.ID, line.Greeting, "en", []byte("hello")), sotto.Invalid},
			{"category", d.lines.SetSound(ctx, admin, l.ID, "jingle", "en", good), sotto.Invalid},
			{"language", d.lines.SetSound(ctx, admin, l.ID, line.Greeting, "de", good), sotto.Invalid},
			{"line", d.lines.SetSound(ctx, admin, 4711, line.Greeting, "en", good), sotto.NotFound},
		} {
			if sotto.KindOf(c.err) != c.want || c.err == nil {
				t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
			}
		}
		err := d.blobs.Each(catalogue.GreetingSample, func(int64) error { return errors.New("a file was left") })
		if err != nil {
			t.Error(err)
		}
	})
}
