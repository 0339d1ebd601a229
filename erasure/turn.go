package erasure

import "sync"

// turns lets one goroutine at a time work on an erasure: whoever ordered it,
// and the job that takes it up when nobody finished it.
type turns struct {
	mu   sync.Mutex
	held map[int64]chan struct{} // closed when given back
}

// take waits for the turn of erasure id and returns what gives it back.
func (t *turns) take(id int64) (give func()) {
	for {
		give, other := t.try(id)
		if give != nil {
			return give
		}
		<-other
	}
}

// try takes the turn if nobody has it; else give is nil and other is closed
// when it is worth another try.
func (t *turns) try(id int64) (give func(), other <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if other, taken := t.held[id]; taken {
		return nil, other
	}
	if t.held == nil {
		t.held = map[int64]chan struct{}{}
	}
	mine := make(chan struct{})
	t.held[id] = mine
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.held, id)
		close(mine)
	}, nil
}
