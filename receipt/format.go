package receipt

// The words of the format on disk and in a receipt file. verify.go and this
// file are all that a verifier needs: they build without the rest of the desk.
const (
	receiptHead = "sotto receipt v1"       // first line of a receipt file
	proofHead   = "c2sp.org/tlog-proof@v1" // from here on the file is a C2SP tlog-proof of the leaf
	leafVersion = 1

	logFile        = "log"        // the leaves, one canonical JSON line each
	checkpointFile = "checkpoint" // C2SP tlog-checkpoint, signed, of all leaves
	verifierFile   = "verifier"   // the public key as one line

	timeFormat = "2006-01-02T15:04:05.000Z" // UTC, always with milliseconds

	maxLeaf    = 1 << 20         // bytes of one leaf, without its newline
	maxReceipt = maxLeaf + 1<<14 // bytes of one receipt file
	maxSize    = 1 << 40         // leaves of one log; the proof arithmetic is safe below 1<<62
)

// leaf is one record as its JSON line: these fields, in this order, none left
// out, lists never null. Hashes are lower-case hexadecimal.
type leaf struct {
	Version    int        `json:"v"`
	No         int64      `json:"no"`
	At         string     `json:"at"`
	Kind       string     `json:"kind"`
	Subject    int64      `json:"subject"`
	Thing      string     `json:"thing"`
	ThingID    int64      `json:"thingId"`
	Request    int64      `json:"request"`
	Actor      int64      `json:"actor"`
	Keys       []int64    `json:"keys"`
	Steps      []leafStep `json:"steps"`
	Tombstones []string   `json:"tombstones"`
	Commitment string     `json:"commitment"`
	Scan       leafScan   `json:"scan"`
	AuditSize  int64      `json:"auditSize"`
	AuditHead  string     `json:"auditHead"`
	Incomplete []string   `json:"incomplete"`
}

type leafStep struct {
	Place    string `json:"place"`
	Action   string `json:"action"`
	Removed  int64  `json:"removed"`
	Retained int64  `json:"retained"`
	Why      string `json:"why"`
	Until    string `json:"until"`
}

type leafScan struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	Hits  int64 `json:"hits"`
}
