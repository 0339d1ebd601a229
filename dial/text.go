package dial

import (
	"sotto"
	"sotto/db"
)

// affordText decides whether one more text may go today: it takes no minutes
// and no line, so that an agent who talks can write.
func (g *Gate) affordText(tx *db.Tx, agent sotto.PersonID) (Reason, error) {
	for _, c := range []struct {
		of sotto.PersonID
		limit
	}{
		{agent, limit{db.DialAgentTexts, 300, AgentTexts}}, {0, limit{db.DialDeskTexts, 3_000, DeskTexts}},
	} {
		if c.of == 0 && c.why == AgentTexts {
			continue // the desk itself writes
		}
		most, err := db.Setting(tx, c.setting, c.fallback)
		if err != nil {
			return "", err
		}
		n, err := db.One(tx, db.Int, g.q["Texts"], day(tx.Now), int64(c.of))
		if err != nil {
			return "", err
		}
		if n >= most {
			return c.why, nil
		}
	}
	return Allowed, nil
}
