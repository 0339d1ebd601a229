package db

import "strings"

// Queries are the statements of a .sql file by name. A package embeds its
// file, parses it once in its constructor and runs q["OpenTicket"].
type Queries map[string]string

// Parse reads a .sql file: each statement begins with "-- name: OpenTicket".
func Parse(text string) Queries {
	q := Queries{}
	for _, part := range strings.Split("\n"+text, "\n-- name: ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		q[strings.TrimSpace(name)] = strings.TrimSuffix(strings.TrimSpace(body), ";")
	}
	return q
}
