package catalogue

// Blob is a class of files. Its field is unexported: a class that is not
// declared here does not compile, and the zero Blob is refused by blob.
type Blob struct{ name string }

// String returns the class name, which is also its folder.
func (b Blob) String() string { return b.name }

// The classes of files.
var (
	CallTrack      = Blob{"track"}
	Attachment     = Blob{"attachment"}
	Upload         = Blob{"upload"}
	PersonExport   = Blob{"export"}
	GreetingSample = Blob{"greeting"}
)

// BlobClass answers for one class of files. The file of row N of Table is
// named N: whoever the row belongs to, the file belongs to.
type BlobClass struct {
	Class  Blob
	Table  string // the table whose row ids name the files
	What   string
	Sealed bool // under the keys of the row; false only for nobody's data
	// Speaker is the column that names whose voice it is; NULL is the row's
	// owner. A person is handed over its own voice only. "" for no voice.
	Speaker string
	Export  string
	Why     string
}

// Blobs returns every class of files.
func Blobs() []BlobClass {
	return []BlobClass{
		{Class: CallTrack, Table: "track", Speaker: "agent_id", What: "one voice of a recording, in sealed chunks", Sealed: true, Export: "audio/{id}.wav", Why: "to hear again what was said"},
		{Class: Attachment, Table: "attachment", What: "a file on a comment, in sealed chunks", Sealed: true, Export: "attachments/{id}", Why: "the requester or an agent added it"},
		{Class: Upload, Table: "upload", What: "a file sent but not yet put on a comment", Sealed: true, Export: "uploads/{id}", Why: "it is put on a comment next, or expires"},
		{Class: PersonExport, Table: "export", What: "an archive made for a person", Sealed: true, Export: "-: made by the export itself", Why: "the person asked for a copy (GDPR 15, 20)"},
		{Class: GreetingSample, Table: "greeting", What: "a sound the desk plays to everyone who calls", Sealed: false, Export: "-: the company's own announcement", Why: "callers hear it"},
	}
}

// BlobsOf returns the class whose files are named by rows of table.
func BlobsOf(table string) (BlobClass, bool) {
	for _, b := range Blobs() {
		if b.Table == table {
			return b, true
		}
	}
	return BlobClass{}, false
}

// Disclosure is a copy of data that leaves the desk. outbound.Do takes one;
// its field is unexported so that an undeclared one does not compile.
type Disclosure struct{ name string }

// String returns the disclosure's name.
func (d Disclosure) String() string { return d.name }

// The disclosures over HTTP.
var RecipientNotice = Disclosure{"recipient-notice"}

// Recipient answers for one disclosure.
type Recipient struct {
	Disclosure Disclosure
	To         string
	Fields     string
	Why        string
	Basis      Basis
	Erase      string
}

// Recipients returns every way data leaves the desk, the telephone included.
func Recipients() []Recipient {
	return []Recipient{
		{Disclosure: RecipientNotice, To: "recipients named in the configuration", Fields: "person number, what happened, receipt number", Why: "recipients must be told of erasure and correction (GDPR 19)", Basis: LegalDut, Erase: "the notice is the erasure; it is repeated until confirmed"},
		{Disclosure: Disclosure{"agent-telephone"}, To: "the telephone of the agent who is rung", Fields: "the caller's number and name, as the telephone's display shows them", Why: "the agent sees who calls", Basis: Contract, Erase: "the telephone's own call list is outside the desk: clear it there"},
		{Disclosure: Disclosure{"text-carrier"}, To: "the carrier of the trunk a text goes out by", Fields: "the person's number, the line's, and the words of the text", Why: "the carrier brings it to the person", Basis: Contract, Erase: "the carrier keeps its own records: ask it"},
	}
}

// LogKey is the name of a log attribute or a metric label. obs drops what is
// not declared.
type LogKey struct {
	Name string
	What string
}

// LogKeys returns every attribute a log line or a metric may carry. None of
// them holds what a person said, is called or can be reached at.
func LogKeys() []LogKey {
	return []LogKey{
		{"call", "a call's number"}, {"leg", "a leg's number"}, {"line", "a line's number"}, {"ticket", "a ticket's number"},
		{"recording", "a recording's number"}, {"track", "a track's number"}, {"person", "a person's number"},
		{"request", "a request's number"}, {"erasure", "an erasure's number"}, {"receipt", "a receipt's number"},
		{"job", "a job's number"}, {"device", "a telephone's number"}, {"trunk", "a trunk's name in the configuration"},
		{"kind", "a word of a closed list"}, {"state", "a word of a closed list"}, {"reason", "a word of a closed list"},
		{"cause", "a word of a closed list"}, {"step", "a word of a closed list"}, {"place", "a name of this catalogue"},
		{"method", "an HTTP or SIP method"}, {"route", "a route's pattern, never the path that was asked"}, {"status", "an HTTP or SIP status code"},
		{"transport", "udp, tcp or tls"}, {"dialog", "the first 8 hex digits of a hash of a SIP Call-ID"},
		{"duration_ms", "how long it took"}, {"count", "how many"}, {"bytes", "how many bytes"}, {"addr", "one of the desk's own listening addresses"},
		{"err", "an error's own words: ids only, by the rules for errors"}, {"version", "a version"}, {"database", "sqlite or postgres"},
		{"stack", "where a panic happened; frames without values"}, {"quantile", "a summary's quantile"}, {"le", "a histogram's bucket"},
	}
}

// BrowserItem answers for a cookie or an entry of browser storage.
type BrowserItem struct{ Name, What string }

// BrowserItems returns every cookie and storage entry. There is no cookie.
func BrowserItems() []BrowserItem {
	return []BrowserItem{{"sotto.phone.token (session storage of /phone)", "the agent's API token, until the tab is closed, so that a reload goes on with the call"}}
}
