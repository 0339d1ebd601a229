package obs

import (
	"fmt"
	"runtime"
	"strings"
)

// Panic is an error made of a panic. Its words hold no values: a panic's own
// text may quote what a person said.
type Panic struct {
	What  string // the runtime's sentence, or the type of what was thrown
	Stack string // function and line of each frame, without arguments; for the log key "stack"
}

// Error returns what happened, for the log.
func (p *Panic) Error() string { return "panic: " + p.What }

// Recovered makes an error of what recover returned. Call it in the deferred
// function that recovers, or the frames are lost:
//
//	defer func() {
//		if p := recover(); p != nil {
//			err = obs.Recovered(p)
//		}
//	}()
func Recovered(p any) *Panic {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var b strings.Builder
	for {
		f, more := frames.Next()
		if f.Function != "" && f.Function != "runtime.gopanic" {
			fmt.Fprintf(&b, "%s:%d\n", f.Function, f.Line)
		}
		if !more {
			break
		}
	}
	return &Panic{What: what, Stack: strings.TrimSpace(b.String())}
}
