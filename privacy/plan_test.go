package privacy_test

import (
	"context"
	"strings"
	"testing"

	"sotto/catalogue"
	"sotto/db"
	"sotto/db/dbtest"
)

// TestEachPlaceIsReachedByAnIndex: a place that is found by a scan makes the
// rights of one person cost as much as the desk holds of all the others.
func TestEachPlaceIsReachedByAnIndex(t *testing.T) {
	detail := func(s db.Scanner) (step string, err error) {
		var id, parent, unused int64
		err = s.Scan(&id, &parent, &unused, &step)
		return step, err
	}
	err := dbtest.SQLite(t).Read(context.Background(), func(tx *db.Tx) error {
		for _, table := range catalogue.Tables() {
			for _, e := range table.Edges {
				from, where := table.From(e)
				plan, err := db.All(tx, detail, "EXPLAIN QUERY PLAN SELECT t0."+table.Key()+" FROM "+from+" WHERE "+where, int64(1))
				if err != nil {
					return err
				}
				for _, step := range plan {
					if strings.HasPrefix(step, "SCAN") {
						t.Errorf("%s by %s: %s", table.Name, e.Path, step)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
