package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = `module planted

go 1.26
`

func TestTellShowsSkipsAndFailures(t *testing.T) {
	const in = `{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"--- PASS: TestGood (0.00s)\n"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestShy","Output":"    p_test.go:3: no server here\n"}
{"Action":"output","Package":"p","Test":"TestShy","Output":"--- SKIP: TestShy (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestShy"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"output","Package":"p","Test":"TestStuck","Output":"panic: died\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"Action":"output","Package":"q","Output":"PASS\n"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\n"}
{"Action":"pass","Package":"q"}
go: something else
`
	const want = `    p_test.go:3: no server here
--- SKIP: TestShy (0.00s)
--- FAIL: TestBad (0.00s)
FAIL	p	0.1s
panic: died
ok  	q	0.1s
go: something else
`
	var out bytes.Buffer
	if err := tell(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRunKeepsTheExitCode(t *testing.T) {
	for _, tt := range []struct {
		name, body, want string
		code             int
	}{
		{"Pass", `t.Skip("for a reason")`, "for a reason", 0},
		{"Fail", `t.Error("wrong")`, "wrong", 1},
		{"Broken", `no Go`, "planted", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir+"/go.mod", module)
			write(t, dir+"/p_test.go", "package p\nimport \"testing\"\nfunc TestOne(t *testing.T) { "+tt.body+" }\n")
			t.Chdir(dir)
			var out, broken bytes.Buffer
			if got := run([]string{"./..."}, &out, &broken); got != tt.code {
				t.Errorf("exit code = %d, want %d: %s%s", got, tt.code, &out, &broken)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("output = %s, want %q in it", &out, tt.want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
