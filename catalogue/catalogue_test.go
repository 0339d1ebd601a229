package catalogue_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto/catalogue"
)

func TestCatalogueAnswersEveryQuestion(t *testing.T) {
	for _, err := range catalogue.Validate() {
		t.Error(err)
	}
}

func TestCatalogueFileIsWhatIsPrinted(t *testing.T) {
	var got bytes.Buffer
	if err := catalogue.Print(&got); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../CATALOGUE.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("CATALOGUE.md is old, run `make catalogue`:\n%s", diff)
	}
}

func TestEdgesSelectTheRowsOfAPerson(t *testing.T) {
	track, _ := catalogue.FindTable("track")
	edge, _ := track.Edge("caller")
	from, where := track.From(edge)
	if want := "track t0 JOIN recording t1 ON t1.id = t0.recording_id JOIN call t2 ON t2.id = t1.call_id"; from != want {
		t.Errorf("From = %q, want %q", from, want)
	}
	if want := "t2.person_id = $1"; where != want {
		t.Errorf("where = %q, want %q", where, want)
	}
}
