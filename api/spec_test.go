package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// spec is openapi.yaml, read as far as these tests look at it.
type spec struct {
	Paths      map[string]map[string]yaml.Node `yaml:"paths"`
	Components struct {
		Parameters map[string]any      `yaml:"parameters"`
		Responses  map[string]response `yaml:"responses"`
		Schemas    map[string]*schema  `yaml:"schemas"`
		Security   map[string]any      `yaml:"securitySchemes"`
	} `yaml:"components"`

	ops map[string]*operation // by "GET /users/{id}"
}

type operation struct {
	ID        string              `yaml:"operationId"`
	Who       string              `yaml:"x-who"`
	Summary   string              `yaml:"summary"`
	Responses map[string]response `yaml:"responses"`

	answered map[int]bool
}

type response struct {
	Ref     string `yaml:"$ref"`
	Content map[string]struct {
		Schema *schema `yaml:"schema"`
	} `yaml:"content"`
}

type schema struct {
	Ref        string             `yaml:"$ref"`
	Type       any                `yaml:"type"`
	Const      any                `yaml:"const"`
	Enum       []any              `yaml:"enum"`
	Required   []string           `yaml:"required"`
	Properties map[string]*schema `yaml:"properties"`
	Additional *schema            `yaml:"additionalProperties"`
	Items      *schema            `yaml:"items"`
	AllOf      []*schema          `yaml:"allOf"`
	OneOf      []*schema          `yaml:"oneOf"`
}

func readSpec(t testing.TB) *spec {
	t.Helper()
	s := &spec{ops: map[string]*operation{}}
	must(t, yaml.Unmarshal(description, s))
	for path, methods := range s.Paths {
		for method, node := range methods {
			if method == "parameters" {
				continue
			}
			o := &operation{answered: map[int]bool{}}
			must(t, node.Decode(o))
			s.ops[strings.ToUpper(method)+" "+path] = o
		}
	}
	return s
}

// check returns how an answer differs from its description.
func (s *spec) check(a *API, r *http.Request, got answer) []string {
	_, pattern := a.mux.Handler(a.normal(r))
	method, path, _ := strings.Cut(pattern, " "+prefix)
	o := s.ops[method+" "+path]
	if o == nil {
		if got.status < 400 {
			return []string{"an answer to an operation that is not described"}
		}
		return s.problem(got)
	}
	res, ok := o.Responses[strconv.Itoa(got.status)]
	if !ok {
		res, ok = o.Responses[strconv.Itoa(got.status/100)+"XX"]
	}
	if !ok {
		return []string{"this status is not described"}
	}
	if res.Ref != "" {
		return s.problem(got)
	}
	o.answered[got.status] = true
	if len(res.Content) == 0 {
		if len(got.raw) > 0 {
			return []string{"a body where none is described"}
		}
		return nil
	}
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	media, ok := res.Content[kind]
	if _, any := res.Content["*/*"]; !ok && !any {
		return []string{"a body of type " + kind}
	}
	if kind != "application/json" || !ok {
		return nil
	}
	return s.fit("", media.Schema, got.body)
}

func (s *spec) problem(got answer) []string {
	return s.fit("", s.Components.Schemas["Problem"], got.body)
}

// fit compares a value with a schema: types, words of closed lists, members
// that must be there, and members nobody described.
func (s *spec) fit(at string, sc *schema, v any) (wrong []string) {
	sc = s.resolve(sc)
	if sc.Type != nil && !hasType(sc.Type, v) {
		return []string{fmt.Sprintf("%s is %T, not %v", at, v, sc.Type)}
	}
	if sc.Enum != nil && !slices.Contains(sc.Enum, v) {
		return []string{fmt.Sprintf("%s is %v, not one of %v", at, v, sc.Enum)}
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			wrong = append(wrong, s.fitAny(fmt.Sprintf("%s[%d]", at, i), sc.Items, item)...)
		}
	case map[string]any:
		return s.fitAny(at, sc, v)
	}
	return wrong
}

// fitAny tries each of the shapes a schema allows.
func (s *spec) fitAny(at string, sc *schema, v any) (wrong []string) {
	object, ok := v.(map[string]any)
	if !ok {
		return s.fit(at, sc, v)
	}
	for _, shape := range s.shapes(sc) {
		this := s.fitShape(at, shape, object)
		if len(this) == 0 {
			return nil
		}
		if wrong == nil || len(this) < len(wrong) {
			wrong = this
		}
	}
	return wrong
}

// shapes resolves allOf and oneOf into the objects they allow.
func (s *spec) shapes(sc *schema) []*schema {
	sc = s.resolve(sc)
	out := []*schema{{Required: sc.Required, Properties: sc.Properties, Additional: sc.Additional, Const: sc.Const}}
	combine := func(more []*schema) {
		var next []*schema
		for _, a := range out {
			for _, b := range more {
				c := &schema{Required: append(slices.Clone(a.Required), b.Required...), Properties: map[string]*schema{}, Additional: a.Additional}
				maps.Copy(c.Properties, a.Properties)
				maps.Copy(c.Properties, b.Properties)
				if c.Additional == nil {
					c.Additional = b.Additional
				}
				next = append(next, c)
			}
		}
		out = next
	}
	for _, part := range sc.AllOf {
		combine(s.shapes(part))
	}
	if len(sc.OneOf) > 0 {
		var more []*schema
		for _, part := range sc.OneOf {
			more = append(more, s.shapes(part)...)
		}
		combine(more)
	}
	return out
}

func (s *spec) fitShape(at string, sc *schema, v map[string]any) (wrong []string) {
	for _, name := range sc.Required {
		if _, ok := v[name]; !ok {
			wrong = append(wrong, at+"."+name+" is missing")
		}
	}
	for name, value := range v {
		p := sc.Properties[name]
		if p == nil {
			p = sc.Additional
		}
		if p == nil {
			if len(sc.Properties) > 0 {
				wrong = append(wrong, at+"."+name+" is not described")
			}
			continue
		}
		if p.Const != nil && p.Const != value {
			wrong = append(wrong, fmt.Sprintf("%s.%s is not %v", at, name, p.Const))
		}
		wrong = append(wrong, s.fit(at+"."+name, p, value)...)
	}
	return wrong
}

func (s *spec) resolve(sc *schema) *schema {
	for sc.Ref != "" {
		sc = s.Components.Schemas[strings.TrimPrefix(sc.Ref, "#/components/schemas/")]
	}
	return sc
}

func hasType(want, v any) bool {
	if many, ok := want.([]any); ok {
		return slices.ContainsFunc(many, func(w any) bool { return hasType(w, v) })
	}
	switch v := v.(type) {
	case nil:
		return want == "null"
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || (want == "integer" && v == float64(int64(v)))
	case []any:
		return want == "array"
	}
	return want == "object"
}

// dig finds a value by a path of names and places.
func dig(v any, path string) (any, error) {
	for _, name := range strings.Split(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			found, ok := in[name]
			if !ok {
				return nil, fmt.Errorf("there is no %s", path)
			}
			v = found
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(in) {
				return nil, fmt.Errorf("there is no %s", path)
			}
			v = in[i]
		default:
			return nil, fmt.Errorf("there is no %s", path)
		}
	}
	return v, nil
}

func jsonInt(n float64) string { return strconv.FormatInt(int64(n), 10) }

func TestRoutesAndDescriptionAreTheSame(t *testing.T) {
	s := readSpec(t)
	words := map[access]string{staff: "staff", lead: "lead", admin: "admin", anyone: "anyone"}
	ids := map[string]string{}
	for _, r := range (&API{}).routes() {
		name := r.method + " " + r.path
		o := s.ops[name]
		if o == nil {
			t.Errorf("%s is not described in openapi.yaml", name)
			continue
		}
		delete(s.ops, name)
		if o.Who != words[r.who] {
			t.Errorf("%s: x-who is %q, the route says %q", name, o.Who, words[r.who])
		}
		if o.Summary == "" || o.ID == "" || ids[o.ID] != "" {
			t.Errorf("%s: summary %q, operationId %q, which %q has too", name, o.Summary, o.ID, ids[o.ID])
		}
		ids[o.ID] = name
	}
	for name := range s.ops {
		t.Errorf("%s is described in openapi.yaml and there is no such route", name)
	}
}

func TestDescriptionHoldsTogether(t *testing.T) {
	s := readSpec(t)
	var walk func(at string, n *yaml.Node)
	used := map[string]bool{}
	walk = func(at string, n *yaml.Node) {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == "$ref" {
				ref := n.Content[i+1].Value
				used[ref] = true
				kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
				_, isSchema := s.Components.Schemas[name]
				_, isParameter := s.Components.Parameters[name]
				_, isResponse := s.Components.Responses[name]
				if ok := (kind == "schemas" && isSchema) || (kind == "parameters" && isParameter) || (kind == "responses" && isResponse); !ok {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			walk(at, c)
		}
	}
	var root yaml.Node
	must(t, yaml.Unmarshal(description, &root))
	walk("", &root)
	for name := range s.Components.Schemas {
		if !used["#/components/schemas/"+name] {
			t.Errorf("schema %s is not used", name)
		}
	}
	for path := range s.Paths {
		for _, part := range strings.Split(path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				var node yaml.Node = s.Paths[path]["parameters"]
				if !slices.ContainsFunc(node.Content, func(n *yaml.Node) bool { return s.named(n) == strings.TrimSuffix(name, "}") }) {
					t.Errorf("%s: parameter %s is not described", path, part)
				}
			}
		}
	}
}

// named returns the name of the parameter a reference leads to.
func (s *spec) named(n *yaml.Node) string {
	var ref struct {
		Ref string `yaml:"$ref"`
	}
	if n.Decode(&ref) != nil {
		return ""
	}
	p, _ := s.Components.Parameters[strings.TrimPrefix(ref.Ref, "#/components/parameters/")].(map[string]any)
	name, _ := p["name"].(string)
	return name
}

func TestTheCheckOfAnswersFindsWhatIsWrong(t *testing.T) {
	d := sqlite(t)
	r := httptest.NewRequest(http.MethodGet, prefix+"/users/me", nil)
	good := d.ask(d.agent, "GET", "/users/me").is(200)
	user := good.at("user").(map[string]any)
	for name, breakIt := range map[string]func(){
		"Missing":  func() { delete(user, "email") },
		"Unknown":  func() { user["fax"] = "1" },
		"Type":     func() { user["active"] = "yes" },
		"Word":     func() { user["role"] = "boss" },
		"NotAList": func() { user["tags"] = map[string]any{} },
	} {
		kept := maps.Clone(user)
		breakIt()
		if wrong := d.spec.check(d.api, r, good); len(wrong) != 1 {
			t.Errorf("%s: found %v", name, wrong)
		}
		clear(user)
		maps.Copy(user, kept)
	}
}
