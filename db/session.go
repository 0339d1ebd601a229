package db

import (
	"context"
	"database/sql"
	"errors"

	"sotto"
)

// session is one connection with its prepared statements. It belongs to
// whoever took it out of its channel.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// maxStatements bounds the cache: texts built for dynamic filters must not
// fill the memory.
const maxStatements = 500

// sessions returns room for n sessions, opened when first taken.
func sessions(n int) chan *session {
	c := make(chan *session, n)
	for range n {
		c <- &session{}
	}
	return c
}

// take waits for a session of the room and opens it if need be.
func (d *DB) take(ctx context.Context, room chan *session) (*session, error) {
	select {
	case ss := <-room:
		if ss.conn != nil {
			return ss, nil
		}
		conn, err := d.pool.Conn(ctx)
		if err != nil {
			room <- ss
			return nil, err
		}
		ss.conn, ss.stmts = conn, map[string]*sql.Stmt{}
		return ss, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.closed:
		return nil, sotto.Fail(sotto.Busy, "The desk is stopping.")
	}
}

// give returns a session; one whose connection failed is opened anew by the
// next taker.
func (d *DB) give(room chan *session, ss *session, failed bool) {
	if failed {
		ss.drop()
	}
	room <- ss
}

// drop closes the connection. Its errors are those of a connection that is
// already known to be lost.
func (s *session) drop() {
	if s.conn == nil {
		return
	}
	for _, st := range s.stmts {
		_ = st.Close()
	}
	_ = s.conn.Close()
	s.conn, s.stmts = nil, nil
}

func (s *session) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := s.stmts[query]; st != nil {
		return st, nil
	}
	if len(s.stmts) >= maxStatements {
		var err error
		for _, st := range s.stmts {
			err = errors.Join(err, st.Close())
		}
		s.stmts = map[string]*sql.Stmt{}
		if err != nil {
			return nil, err
		}
	}
	st, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

func (s *session) exec(ctx context.Context, query string) error {
	_, err := s.conn.ExecContext(ctx, query)
	return err
}
