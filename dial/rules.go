package dial

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// Rate is what a minute to numbers that begin with Prefix costs, in
// millionths of the carrier's currency. The longest prefix counts; a number
// without any costs nothing.
type Rate struct {
	Prefix string // E.164, as "+336"
	Micros int64
}

// Rules are where the desk may dial to and what that costs. The caps are
// settings (db.DialAgentMinutes and its neighbours).
type Rules struct {
	Countries []string // ISO 3166, in order; the home country is always one of them
	Rates     []Rate   // in order of their prefixes
}

// Rules returns the rules in force.
func (g *Gate) Rules(ctx context.Context) (r Rules, err error) {
	defer sotto.Wrap(&err, "dial.Rules")
	err = g.db.Read(ctx, func(tx *db.Tx) error {
		if r.Countries, err = db.All(tx, db.Text, g.q["Countries"]); err != nil {
			return err
		}
		r.Rates, err = db.All(tx, scanRate, g.q["Rates"])
		return err
	})
	if !slices.Contains(r.Countries, g.region) {
		r.Countries = append(r.Countries, g.region)
	}
	slices.Sort(r.Countries)
	return r, err
}

func scanRate(s db.Scanner) (r Rate, err error) {
	err = s.Scan(&r.Prefix, &r.Micros)
	return r, err
}

// SetRules replaces the rules. Only administrators may.
func (g *Gate) SetRules(ctx context.Context, actor sotto.Actor, r Rules) (err error) {
	defer sotto.Wrap(&err, "dial.SetRules")
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may say where the desk dials.")
	}
	if err := r.check(); err != nil {
		return err
	}
	return g.db.Write(ctx, func(tx *db.Tx) error {
		for _, clear := range []string{"ClearCountries", "ClearRates"} {
			if _, err := tx.Exec(g.q[clear]); err != nil {
				return err
			}
		}
		for _, c := range r.Countries {
			if _, err := tx.Exec(g.q["AddCountry"], c); err != nil {
				return err
			}
		}
		for _, p := range r.Rates {
			if _, err := tx.Exec(g.q["AddRate"], p.Prefix, p.Micros); err != nil {
				return err
			}
		}
		return g.audit.Add(tx, actor, audit.Entry{Action: audit.Update, Source: audit.Dial})
	})
}

// check brings the rules into order and refuses what is none.
func (r *Rules) check() error {
	for i, c := range r.Countries {
		r.Countries[i] = strings.ToUpper(strings.TrimSpace(c))
		if phonenumbers.GetCountryCodeForRegion(r.Countries[i]) == 0 {
			return sotto.FailField("countries", "Name countries by their two letters, as FR or BE.")
		}
	}
	slices.Sort(r.Countries)
	r.Countries = slices.Compact(r.Countries)
	for i, p := range r.Rates {
		digits, plus, _ := plain(p.Prefix)
		if !plus || digits == "" || len(digits) > 15 || p.Micros < 0 || p.Micros > 1_000_000_000 {
			return sotto.FailField("rates", "A rate is a prefix such as +336 and what a minute costs, in millionths, from 0 to 1000000000.")
		}
		r.Rates[i].Prefix = "+" + digits
	}
	slices.SortFunc(r.Rates, func(a, b Rate) int { return strings.Compare(a.Prefix, b.Prefix) })
	if len(slices.CompactFunc(slices.Clone(r.Rates), func(a, b Rate) bool { return a.Prefix == b.Prefix })) != len(r.Rates) {
		return sotto.FailField("rates", "Each prefix has one rate.")
	}
	return nil
}

func (g *Gate) countryAllowed(tx *db.Tx, region string) (bool, error) {
	if region == g.region {
		return true, nil
	}
	return tx.Has(g.q["Allowed"], region)
}

// rateOf is what a minute to a number costs.
func (g *Gate) rateOf(tx *db.Tx, number string) (int64, error) {
	rates, err := db.All(tx, scanRate, g.q["Rates"])
	micros, longest := int64(0), 0
	for _, r := range rates {
		if len(r.Prefix) > longest && strings.HasPrefix(number, r.Prefix) {
			micros, longest = r.Micros, len(r.Prefix)
		}
	}
	return micros, err
}

// limit is one cap: its setting, its value when nobody set it, and what is said
// when it is reached.
type limit struct {
	setting  db.SettingName
	fallback int64
	why      Reason
}

// microsPerCent turns the caps on money, in hundredths, into what rates are in.
const microsPerCent = 10_000

// afford asks the caps. It returns how long the call may last and what that
// may cost.
func (g *Gate) afford(tx *db.Tx, a Attempt, to Destination) (why Reason, most time.Duration, cost int64, err error) {
	rate, err := g.rateOf(tx, to.Number)
	if err != nil {
		return "", 0, 0, err
	}
	longest, err := db.Setting(tx, db.DialCallMinutes, 120)
	if err != nil {
		return "", 0, 0, err
	}
	seconds := longest * 60
	for _, of := range []sotto.PersonID{a.By.Person, 0} {
		u, err := g.spent(tx, of)
		if err != nil {
			return "", 0, 0, err
		}
		calls, mins, money := capsOf(of)
		n, err := db.Setting(tx, calls.setting, calls.fallback)
		if err != nil {
			return "", 0, 0, err
		}
		if u.Calls >= n {
			return calls.why, 0, 0, nil
		}
		if n, err = db.Setting(tx, mins.setting, mins.fallback); err != nil {
			return "", 0, 0, err
		}
		if seconds = min(seconds, n*60-u.Seconds); seconds <= 0 {
			return mins.why, 0, 0, nil
		}
		if n, err = db.Setting(tx, money.setting, money.fallback); err != nil {
			return "", 0, 0, err
		}
		if rate > 0 {
			if seconds = min(seconds, (n*microsPerCent-u.Micros)/rate*60); seconds <= 0 {
				return money.why, 0, 0, nil
			}
		}
		if of == 0 {
			break
		}
	}
	return Allowed, time.Duration(seconds) * time.Second, minutes(seconds) * rate, nil
}

// capsOf are the caps of an agent, or with 0 of the whole desk.
func capsOf(of sotto.PersonID) (calls, minutes, money limit) {
	if of == 0 {
		return limit{db.DialDeskCalls, 30, DeskCalls}, limit{db.DialDeskMinutes, 2400, DeskMinutes}, limit{db.DialDeskCents, 20_000, DeskCost}
	}
	return limit{db.DialAgentCalls, 3, AgentCalls}, limit{db.DialAgentMinutes, 300, AgentMinutes}, limit{db.DialAgentCents, 2_000, AgentCost}
}

// Usage is what was used of a day's caps, with what calls under way may still
// use. Emergency calls are not in it.
type Usage struct {
	Calls   int64 // under way now
	Seconds int64
	Micros  int64
}

// Used returns what an agent has used today, or with 0 the whole desk.
func (g *Gate) Used(ctx context.Context, of sotto.PersonID) (u Usage, err error) {
	defer sotto.Wrap(&err, "dial.Used(%d)", of)
	err = g.db.Read(ctx, func(tx *db.Tx) error {
		u, err = g.spent(tx, of)
		return err
	})
	return u, err
}

func (g *Gate) spent(tx *db.Tx, of sotto.PersonID) (u Usage, err error) {
	u, err = db.One(tx, func(s db.Scanner) (u Usage, err error) {
		err = s.Scan(&u.Seconds, &u.Micros)
		return u, err
	}, g.q["Used"], day(tx.Now), int64(of))
	if err != nil {
		return u, err
	}
	u.Calls, err = db.One(tx, db.Int, g.q["Open"], int64(of))
	return u, err
}

// Caps returns the settings that are caps.
func Caps() []db.SettingName {
	return []db.SettingName{
		db.DialCallMinutes, db.DialAgentCalls, db.DialDeskCalls, db.DialAgentMinutes, db.DialDeskMinutes, db.DialAgentCents, db.DialDeskCents,
		db.DialAgentTexts, db.DialDeskTexts,
	}
}

// SetCaps changes caps, all or none; those that are not named stay. Only
// administrators may.
func (g *Gate) SetCaps(ctx context.Context, actor sotto.Actor, caps map[string]int64) (err error) {
	defer sotto.Wrap(&err, "dial.SetCaps")
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may say how much is dialled.")
	}
	if len(caps) == 0 {
		return nil
	}
	return g.db.Write(ctx, func(tx *db.Tx) error {
		for name, n := range caps {
			if !slices.Contains(Caps(), db.SettingName(name)) {
				return sotto.FailField("caps", "There is no such cap.")
			}
			if err := db.SetSetting(tx, db.SettingName(name), n); err != nil {
				return err
			}
		}
		return g.audit.Add(tx, actor, audit.Entry{Action: audit.Update, Source: audit.Setting})
	})
}
