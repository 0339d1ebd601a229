package obs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"sync/atomic"

	"sotto/catalogue"
)

// keeper is a log handler that keeps declared attributes only. The handler
// behind it never sees a group.
type keeper struct {
	next     slog.Handler
	declared map[string]bool // read only
	dropped  *atomic.Int64
	strict   func(key string)
}

func newKeeper(out io.Writer, cfg Config, dropped *atomic.Int64) *keeper {
	options := &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: inUTC}
	k := &keeper{declared: declaredKeys(), dropped: dropped, strict: cfg.Strict}
	if cfg.JSON {
		k.next = slog.NewJSONHandler(out, options)
	} else {
		k.next = slog.NewTextHandler(out, options)
	}
	return k
}

func declaredKeys() map[string]bool {
	keys := map[string]bool{}
	for _, k := range catalogue.LogKeys() {
		keys[k.Name] = true
	}
	return keys
}

// inUTC writes the line's own time in UTC: logs of two machines are read side
// by side.
func inUTC(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

// Enabled reports whether a line of that level is written.
func (k *keeper) Enabled(ctx context.Context, level slog.Level) bool {
	return k.next.Enabled(ctx, level)
}

// Handle writes the line with its declared attributes.
func (k *keeper) Handle(ctx context.Context, r slog.Record) error {
	kept := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		kept.AddAttrs(k.keep(nil, a)...)
		return true
	})
	return k.next.Handle(ctx, kept)
}

// WithAttrs returns a handler that adds the declared ones among attrs.
func (k *keeper) WithAttrs(attrs []slog.Attr) slog.Handler {
	var kept []slog.Attr
	for _, a := range attrs {
		kept = k.keep(kept, a)
	}
	with := *k
	with.next = k.next.WithAttrs(kept)
	return &with
}

// WithGroup returns the handler itself: a declared key means the same in
// every group.
func (k *keeper) WithGroup(string) slog.Handler { return k }

// keep appends what may be written of a.
func (k *keeper) keep(kept []slog.Attr, a slog.Attr) []slog.Attr {
	if a.Equal(slog.Attr{}) {
		return kept // slog's own rule: an empty attribute is none
	}
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		for _, inner := range v.Group() {
			kept = k.keep(kept, inner)
		}
		return kept
	}
	if !k.declared[a.Key] {
		k.drop(a.Key)
		return kept
	}
	v, ok := plain(v)
	if !ok {
		k.drop(a.Key)
		return kept
	}
	return append(kept, slog.Attr{Key: a.Key, Value: v})
}

func (k *keeper) drop(key string) {
	k.dropped.Add(1)
	if k.strict != nil {
		k.strict(key)
	}
}

// plain turns v into a number, a word or a time. A struct, a map or bytes may
// hold anything, so they are refused even under a declared key.
func plain(v slog.Value) (slog.Value, bool) {
	if v.Kind() != slog.KindAny {
		return v, true
	}
	switch x := v.Any().(type) {
	case nil:
		return v, true
	case error:
		return slog.StringValue(words(x.Error)), true
	case fmt.Stringer:
		return slog.StringValue(words(x.String)), true
	}
	r := reflect.ValueOf(v.Any())
	switch {
	case r.CanInt():
		return slog.Int64Value(r.Int()), true
	case r.CanUint():
		return slog.Uint64Value(r.Uint()), true
	case r.CanFloat():
		return slog.Float64Value(r.Float()), true
	case r.Kind() == reflect.Bool:
		return slog.BoolValue(r.Bool()), true
	case r.Kind() == reflect.String:
		return slog.StringValue(r.String()), true
	}
	return slog.Value{}, false
}

// words calls f, which may panic on a nil receiver.
func words(f func() string) (s string) {
	defer func() {
		if recover() != nil {
			s = "<nil>"
		}
	}()
	return f()
}
