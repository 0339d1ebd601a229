package recording

import (
	"sotto"
	"sotto/leg/media"
)

// Tap is how a test stands in for a port: it is given the sink and returns
// what ends the pushing.
type Tap func(media.Sink) (untap func())

// HearCaller is Caller from a tap.
func (r *Recorder) HearCaller(tap Tap) error {
	return r.add(r.rs.newTrack(CallerVoice, 0, 0, r.callerKey), tap)
}

// HearAgent is Agent from a tap.
func (r *Recorder) HearAgent(tap Tap, person sotto.PersonID, key sotto.KeyID) error {
	return r.add(r.rs.newTrack(AgentVoice, person, key, r.callerKey), tap)
}

// Hold calls f before each write to a file. It must be set before Start.
func (rs *Recordings) Hold(f func(sotto.TrackID)) { rs.held = f }

// Tell writes the progress now.
func (rs *Recordings) Tell() { rs.tell() }

// SyncNow syncs what is due now.
func (rs *Recordings) SyncNow() { rs.syncPass(1) }

// Tend looks after silent tracks now.
func (rs *Recordings) Tend() { rs.tendAll() }

// Chunk is how many samples a sealed chunk holds.
const Chunk = chunk

// NewTrack is a track that has no file, for the cost of Push alone.
func (rs *Recordings) NewTrack() media.Sink { return rs.newTrack(CallerVoice, 0, 0, 1) }
