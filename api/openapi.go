package api

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.yaml
var description []byte

//go:embed api.sql
var statements string

// showDescription answers with the description of every operation. It says
// nothing about anybody, so it is for anyone.
func (a *API) showDescription(w http.ResponseWriter, _ *request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(description) // a client that went away is no error of ours
	return nil
}
